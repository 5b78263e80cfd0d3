# Makes the targets of libwsc: the same ones from an installation and from its source.

# What users need of C++ when they use any of it; a project in C does not.
function(wsc_require_cxx17 target)
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    if(CXX IN_LIST languages)
        set_property(TARGET ${target} PROPERTY INTERFACE_COMPILE_FEATURES cxx_std_17)
    endif()
endfunction()

# wsc_add_shared(LIBRARY SONAME INCLUDE_DIRECTORIES [GLOBAL])
function(wsc_add_shared library soname includes)
    add_library(wsc::wsc SHARED IMPORTED ${ARGN})
    set_target_properties(wsc::wsc PROPERTIES
        IMPORTED_LOCATION "${library}"
        IMPORTED_SONAME "${soname}"
        INTERFACE_INCLUDE_DIRECTORIES "${includes}")
    wsc_require_cxx17(wsc::wsc)
endfunction()

# A package that the static library needs. Its targets end with the directory that
# looked for it, unless they are made global, which only that directory can do.
macro(wsc_find_needed package scope)
    if(NOT TARGET ${package}::${ARGV2})
        find_package(${package} QUIET)
        foreach(component IN ITEMS ${ARGN})
            if("${scope}" STREQUAL "GLOBAL" AND TARGET ${package}::${component})
                set_property(TARGET ${package}::${component} PROPERTY IMPORTED_GLOBAL TRUE)
            endif()
        endforeach()
    endif()
endmacro()

# wsc_add_static(LIBRARY INCLUDE_DIRECTORIES [GLOBAL])
#
# Makes no target where the libraries that the archive needs are not found.
function(wsc_add_static library includes)
    set(scope ${ARGN})
    wsc_find_needed(OpenSSL "${scope}" SSL Crypto)
    wsc_find_needed(Threads "${scope}" Threads)
    if(NOT TARGET OpenSSL::SSL OR NOT TARGET Threads::Threads)
        return()
    endif()
    add_library(wsc::wsc_static STATIC IMPORTED ${scope})
    set_target_properties(wsc::wsc_static PROPERTIES
        IMPORTED_LOCATION "${library}"
        INTERFACE_INCLUDE_DIRECTORIES "${includes}"
        INTERFACE_LINK_LIBRARIES
            "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;gcc_s;util;rt;m;${CMAKE_DL_LIBS}")
    wsc_require_cxx17(wsc::wsc_static)
endfunction()
