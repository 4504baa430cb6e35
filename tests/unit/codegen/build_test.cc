// The cache that code is loaded from, and what is refused.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "compiler/codegen/build.h"
#include "compiler/codegen/cache.h"
#include "compiler/codegen/load.h"
#include "tests/unit/codegen/scratch.h"

namespace weft::test {
namespace {

std::string program(const std::string& abi, const std::string& core_size) {
  return "#include \"compiler/codegen/abi.h\"\n#include \"compiler/codegen/support.h\"\n"
         "static const weft_residue residues[] = {{\"r\", nullptr, nullptr, nullptr, 1}};\n"
         "static const weft_generated object = {" +
         abi + ", " + core_size +
         ", sizeof(weft::Packet), WEFT_KEY, 1, residues};\n"
         "extern \"C\" __attribute__((visibility(\"default\"))) const weft_generated* "
         "weft_generated_entry() { return &object; }\n";
}
const std::string good = program("weft::codegen::abi_version", "sizeof(weft::Core)");

std::string code(const diag::Error& error) { return error.list.at(0).code; }

TEST(Build, SecondTimeTheObjectIsThere) {
  const Scratch scratch;
  const auto first = codegen::build_text(good, {.cache = scratch.path});
  ASSERT_TRUE(first) << diag::render(first.error(), false);
  EXPECT_FALSE(first->cached);
  const auto second = codegen::build_text(good, {.cache = scratch.path});
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(first->object, second->object);
  // Other flags and other text are other objects.
  const auto flags = codegen::build_text(good, {.more_flags = {"-O1"}, .cache = scratch.path});
  ASSERT_TRUE(flags);
  EXPECT_NE(flags->key, first->key);
  // A damaged object is made again.
  std::filesystem::resize_file(first->object, 100);
  const auto again = codegen::build_text(good, {.cache = scratch.path});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->cached);
  EXPECT_TRUE(codegen::load(again->object, again->key));
}

TEST(Build, NothingButSourceAndObjectIsLeft) {
  const Scratch scratch;
  ASSERT_TRUE(codegen::build_text(good, {.cache = scratch.path}));
  ASSERT_FALSE(codegen::build_text("this is no C++", {.cache = scratch.path}));
  for (const auto& file : std::filesystem::directory_iterator(scratch.path)) {
    const auto extension = file.path().extension();
    EXPECT_TRUE(extension == ".cc" || extension == ".so") << file.path();
  }
}

TEST(Build, MissingCompilerPointsToTheInterpreter) {
  const Scratch scratch;
  const auto built = codegen::build_text(good, {.compiler = "no-such-c++", .cache = scratch.path});
  ASSERT_FALSE(built);
  EXPECT_EQ(code(built.error()), "E0510");
  EXPECT_NE(built.error().list[0].help.find("--interpret"), std::string::npos);
}

TEST(Build, FolderThatOthersCanWriteIsRefused) {
  const Scratch scratch;
  for (const mode_t mode : {0777, 0770, 0702}) {
    ASSERT_EQ(::chmod(scratch.path.c_str(), mode), 0);
    const auto built = codegen::build_text(good, {.cache = scratch.path});
    ASSERT_FALSE(built);
    EXPECT_EQ(code(built.error()), "E0511");
  }
  ::chmod(scratch.path.c_str(), 0700);
  // A link to a private folder could be turned elsewhere by whoever owns the link's folder.
  const auto link = scratch.path + "/link";
  std::filesystem::create_directory_symlink(scratch.path, link);
  EXPECT_FALSE(codegen::check_private(link));
}

TEST(Build, CacheFolderIsMadePrivate) {
  const Scratch scratch;
  const char* before = std::getenv("WEFT_CACHE");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("WEFT_CACHE", (scratch.path + "/a/b").c_str(), 1);
  const auto folder = codegen::cache_folder();
  if (before == nullptr) {
    ::unsetenv("WEFT_CACHE");
  } else {
    ::setenv("WEFT_CACHE", kept.c_str(), 1);
  }
  ASSERT_TRUE(folder);
  struct stat st {};
  ASSERT_EQ(::stat(folder->c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
}

TEST(Load, RefusesWhatDoesNotFit) {
  const Scratch scratch;
  const auto refused = [&](const std::string& text) {
    const auto built = codegen::build_text(text, {.cache = scratch.path});
    EXPECT_TRUE(built);
    const auto loaded = codegen::load(built->object, built->key);
    return loaded ? std::string("loaded") : loaded.error().list.at(0).message;
  };
  EXPECT_NE(refused(program("99", "sizeof(weft::Core)")).find("ABI 99"), std::string::npos);
  EXPECT_NE(refused(program("weft::codegen::abi_version", "7")).find("have 7 and"),
            std::string::npos);
  // Compiled for a CPU of which nobody has heard: none of it may run, not even to ask what it is.
  const std::string alien =
      "extern \"C\" {\nextern __attribute__((visibility(\"default\"))) const char* const "
      "weft_generated_cpu;\nconst char* const weft_generated_cpu = \"popcnt flux \";\n"
      "__attribute__((visibility(\"default\"))) void* weft_generated_entry() { "
      "__builtin_trap(); }\n}\n";
  EXPECT_NE(refused(alien).find("a CPU with flux, which"), std::string::npos) << refused(alien);
  EXPECT_NE(refused("int nothing;").find("no generated stack"), std::string::npos);

  const auto built = codegen::build_text(good, {.cache = scratch.path});
  ASSERT_TRUE(built);
  const auto other = codegen::load(built->object, std::string(64, '0'));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().list.at(0).message.find("another plan"), std::string::npos);
  ::chmod(built->object.c_str(), 0666);
  const auto writable = codegen::load(built->object, built->key);
  ASSERT_FALSE(writable);
  EXPECT_EQ(code(writable.error()), "E0511");
}

}  // namespace
}  // namespace weft::test
