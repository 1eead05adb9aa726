# PRT_SANITIZE=address,undefined or thread: every target is built and linked with it.
if(PRT_SANITIZE)
    add_compile_options(-fsanitize=${PRT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
    add_link_options(-fsanitize=${PRT_SANITIZE})
endif()

# Fuzzers steer by the branches that the parts take: those must be compiled for it too.
if(PRT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PRT_FUZZ needs clang: CC=clang cmake ...")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
