# Test programs for the board.
#
#   board_test(NAME name SOURCES file... [LIBRARIES target...] [ARGS arg...] [BOARD_ARGS arg...] [EXPECT regex])
#
# Builds the program (once for several tests of the same sources: PROGRAM names it) and has native-board run it. EXPECT
# is for programs that are meant to fail: what the serial line must show, over all boots.
include_guard(GLOBAL)

# What a sanitizer reports fails a test, also one that says "all passed" in the end.
set(NATIVE_SANITIZER_REPORTS "ThreadSanitizer:|AddressSanitizer:|runtime error:" CACHE INTERNAL "")

function(board_test)
    cmake_parse_arguments(PARSE_ARGV 0 test "" "NAME;PROGRAM;EXPECT" "SOURCES;LIBRARIES;ARGS;BOARD_ARGS")
    if(NOT test_PROGRAM)
        string(REPLACE "." "_" test_PROGRAM "${test_NAME}")
        string(PREPEND test_PROGRAM "test_")
    endif()
    if(NOT TARGET ${test_PROGRAM})
        add_executable(${test_PROGRAM} ${test_SOURCES})
        target_compile_options(${test_PROGRAM} PRIVATE ${NATIVE_WARNINGS})
        target_compile_options(${test_PROGRAM} PRIVATE "-fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/=")
        # Or the compiler drops allocations that it sees freed.
        target_compile_options(${test_PROGRAM} PRIVATE -fno-builtin-malloc -fno-builtin-free)
        target_link_libraries(${test_PROGRAM} PRIVATE ${test_LIBRARIES} idf)
    endif()
    add_test(NAME ${test_NAME}
        COMMAND native-board ${test_BOARD_ARGS} --program $<TARGET_FILE:${test_PROGRAM}> ${test_ARGS})
    set_tests_properties(${test_NAME} PROPERTIES
        TIMEOUT 60
        FAIL_REGULAR_EXPRESSION "${NATIVE_SANITIZER_REPORTS}")
    if(test_EXPECT)
        set_tests_properties(${test_NAME} PROPERTIES PASS_REGULAR_EXPRESSION "${test_EXPECT}")
    endif()
endfunction()
