//! The callbacks of a connection.

use std::sync::Arc;

use crate::error::Status;
use crate::event::{EventRef, EventType};

use super::Connection;

/// A callback for one kind of event.
pub type Handler = Arc<dyn Fn(&Connection, EventRef<'_>) + Send + Sync>;

/// The user's callbacks. A thread that runs one holds a reference.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    by_type: [Option<Handler>; 11],
}

impl Handlers {
    pub(crate) fn get(&self, event: EventType) -> Option<&Handler> {
        self.by_type[event as usize].as_ref()
    }
}

/// What runs once, last of all.
pub(super) type FreeHook = Box<dyn FnOnce() + Send>;

/// What a freed connection gives back to the user when this is dropped.
pub(super) struct Callbacks {
    pub handlers: Arc<Handlers>,
    pub hook: Option<FreeHook>,
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.handlers = Arc::default();
        if let Some(hook) = self.hook.take() {
            hook();
        }
    }
}

impl Connection {
    /// Sets or removes the callback for one kind of event. One that is running
    /// on another thread may still finish.
    pub fn on(&self, event: EventType, handler: Option<Handler>) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let mut handlers = Handlers::clone(&inner.handlers);
        handlers.by_type[event as usize] = handler;
        let old = std::mem::replace(&mut inner.handlers, Arc::new(handlers));
        self.note_change();
        drop(inner);
        drop(old);
        Ok(())
    }

    /// Sets or removes what runs once, last of all, after `free`.
    pub fn on_free(&self, hook: Option<FreeHook>) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let replaced = std::mem::replace(&mut inner.on_free, hook);
        drop(inner);
        drop(replaced);
        Ok(())
    }
}
