# Every foreign library, found once. A part names the ones it may use.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PostgreSQL 14 REQUIRED) # libpq with pipelines
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(lzma REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(expat REQUIRED IMPORTED_TARGET expat)

find_path(NATS_INCLUDE nats/nats.h REQUIRED)
find_library(NATS_LIBRARY nats REQUIRED)
add_library(prt_nats INTERFACE)
target_include_directories(prt_nats INTERFACE ${NATS_INCLUDE})
target_link_libraries(prt_nats INTERFACE ${NATS_LIBRARY} Threads::Threads)

find_path(MSGPACK_INCLUDE msgpack.h REQUIRED)
find_library(MSGPACK_LIBRARY NAMES msgpackc msgpack-c REQUIRED)
add_library(prt_msgpack INTERFACE)
target_include_directories(prt_msgpack INTERFACE ${MSGPACK_INCLUDE})
target_link_libraries(prt_msgpack INTERFACE ${MSGPACK_LIBRARY})
