# GNU C17: cleanup attributes and statement expressions are part of the style.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Werror -Wstrict-prototypes -Wmissing-prototypes
                    -fno-strict-aliasing -fstack-protector-strong -g)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    # Promises stay checked in production: NDEBUG is never set.
    set(CMAKE_C_FLAGS_RELEASE "-O2")
endif()
