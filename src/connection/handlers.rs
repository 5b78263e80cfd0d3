//! The callbacks of a connection.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Status;
use crate::event::{EventRef, EventType};

use super::Connection;

/// A callback for one kind of event.
pub type Handler = Arc<dyn Fn(&Connection, EventRef<'_>) + Send + Sync>;

/// The user's callbacks. A thread that runs one holds a reference, so that the
/// free hook, dropped with the last one, runs after all of them.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    by_type: [Option<Handler>; 11],
    on_free: Option<Arc<FreeHook>>,
}

impl Handlers {
    pub(crate) fn get(&self, event: EventType) -> Option<&Handler> {
        self.by_type[event as usize].as_ref()
    }
}

pub(super) type FreeCallback = Box<dyn FnOnce() + Send>;

struct FreeHook(Mutex<Option<FreeCallback>>);

impl FreeHook {
    pub(super) fn take(&self) -> Option<FreeCallback> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for FreeHook {
    fn drop(&mut self) {
        if let Some(callback) = self.take() {
            callback();
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
    pub fn on_free(&self, callback: Option<FreeCallback>) -> Result<(), Status> {
        let mut inner = self.enter()?;
        let mut handlers = Handlers::clone(&inner.handlers);
        let hook = callback.map(|callback| Arc::new(FreeHook(Mutex::new(Some(callback)))));
        let replaced = std::mem::replace(&mut handlers.on_free, hook);
        let old = std::mem::replace(&mut inner.handlers, Arc::new(handlers));
        self.note_change();
        drop(inner);
        // A replaced hook is not run.
        drop(replaced.map(|hook| hook.take()));
        drop(old);
        Ok(())
    }
}
