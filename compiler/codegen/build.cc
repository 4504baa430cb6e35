#include "compiler/codegen/build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/codegen/abi.h"
#include "compiler/codegen/cache.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/load.h"
#include "compiler/diag/sha256.h"
#include "compiler/frontend/places.h"

extern char** environ;

namespace weft::codegen {
namespace {

namespace fs = std::filesystem;
using diag::fail;
using diag::Result;

struct Roots {
  std::string source;     // of weft: stack-nodes/ and compiler/codegen/
  std::string generated;  // of weft/fields.h
};

Result<Roots> find_roots() {
  Roots roots{frontend::source_root(), WEFT_GENERATED_DIR};
  if (const char* made = std::getenv("WEFT_GENERATED")) roots.generated = made;
  for (const auto& file :
       {roots.source + "/compiler/codegen/abi.h", roots.generated + "/weft/fields.h",
        roots.generated + "/weft/options.h"}) {
    if (fs::exists(file)) continue;
    return fail(
        {.code = "E0514",
         .message = "weft's own headers are not there: " + file,
         .help = "set WEFT_ROOT to the source folder, WEFT_GENERATED to the build's generated/"});
  }
  return roots;
}

struct Finished {
  int status = -1;  // exit code; -1: could not be started
  std::string output;
};

// Runs a program without a shell; its output and errors in one text (written to `log`).
Finished run(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  Finished done;
  const int error =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error == 0) {
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    // 127: posix_spawnp's own sign that nothing could be started.
    if (WIFEXITED(status)) done.status = WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
  }
  done.output = read_whole(log).value_or("");
  std::remove(log.c_str());
  return done;
}

// Model name and flags of the first CPU: -march=native means another thing on another machine.
std::string cpu_features() {
  std::ifstream in("/proc/cpuinfo");
  std::string text, line;
  while (std::getline(in, line) && !line.empty()) {
    if (line.starts_with("flags") || line.starts_with("Features") || line.starts_with("model")) {
      text += line + "\n";
    }
  }
  return text;
}

// Every header that generated code can reach, in a fixed order, with its contents.
Result<std::string> headers_text(const Roots& roots) {
  std::vector<std::string> files{
      roots.generated + "/weft/fields.h", roots.generated + "/weft/options.h",
      roots.source + "/compiler/codegen/abi.h", roots.source + "/compiler/codegen/cpu.h",
      roots.source + "/compiler/codegen/support.h"};
  const auto fixed = files.size();
  std::error_code error;
  for (fs::recursive_directory_iterator at(roots.source + "/stack-nodes", error), end;
       !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".h") files.push_back(at->path().string());
  }
  std::sort(files.begin() + static_cast<std::ptrdiff_t>(fixed), files.end());
  std::string all;
  for (const auto& file : files) {
    auto text = read_whole(file);
    if (!text) return text;
    all += diag::sha256_hex(*text);
  }
  return all;
}

std::string chosen_compiler(const BuildOptions& options) {
  if (!options.compiler.empty()) return options.compiler;
  const char* name = std::getenv("CXX");
  return name != nullptr && *name != 0 ? name : "c++";
}

}  // namespace

Result<BuildOutput> build(const plan::Plan& plan, const ir::FieldTable& fields,
                          const BuildOptions& options) {
  auto text = generate(plan, fields);
  if (!text) return fail(text.error());
  return build_text(*text, options);
}

Result<BuildOutput> build_text(const std::string& text, const BuildOptions& options) {
  auto roots = find_roots();
  if (!roots) return fail(roots.error());
  auto folder = options.cache.empty() ? cache_folder() : Result<std::string>(options.cache);
  if (!folder) return fail(folder.error());
  if (auto ok = check_private(*folder); !ok) return fail(ok.error());

  const auto compiler = chosen_compiler(options);
  const auto scratch = fmt::format("{}/{}.", *folder, ::getpid());
  const auto version = run({compiler, "--version"}, scratch + "version");
  if (version.status != 0) {
    return fail({.code = "E0510",
                 .message = "no C++ compiler: can't run '" + compiler + "'",
                 .help = "install g++ or set CXX; `weft run --interpret` needs no compiler"});
  }
  std::vector<std::string> flags{
      "-std=c++20", "-O3", "-march=native", "-shared", "-fPIC", "-fvisibility=hidden",
      // Vectors of two or three members of a packet cost more to take apart than they save.
      "-fno-tree-slp-vectorize",
      // Labels without a goto are no mistake in generated code.
      "-Wall", "-Wextra", "-Wno-unused-label", "-Wno-missing-field-initializers"};
  flags.insert(flags.end(), options.more_flags.begin(), options.more_flags.end());
  auto headers = headers_text(*roots);
  if (!headers) return fail(headers.error());

  BuildOutput output;
  output.key = diag::sha256_hex(fmt::format("weft {}\n{}\n{}\n{}\n{}\n{}\n{}", abi_version,
                                            diag::sha256_hex(text), *headers, compiler,
                                            version.output, fmt::join(flags, " "), cpu_features()));
  const auto stem = fmt::format("{}/{}", *folder, output.key.substr(0, 24));
  output.source = stem + ".cc";
  output.object = stem + ".so";
  if (fs::exists(output.object) && fs::exists(output.source) && load(output.object, output.key)) {
    output.cached = true;
    return output;
  }
  if (auto written = write_whole(output.source, text); !written) return fail(written.error());

  std::vector<std::string> command{compiler};
  command.insert(command.end(), flags.begin(), flags.end());
  const auto temporary = scratch + output.key.substr(0, 24) + ".so";
  for (const auto& word :
       {"-I" + roots->source, "-I" + roots->generated, fmt::format("-DWEFT_KEY=\"{}\"", output.key),
        output.source, std::string("-o"), temporary}) {
    command.push_back(word);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto built = run(command, scratch + "log");
  output.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (built.status != 0) {
    std::remove(temporary.c_str());
    return fail({.code = "E0513",
                 .message = "the compiler refused the generated code",
                 .span = {.file = output.source},
                 .notes = {{.text = built.output.substr(0, 4000)}},
                 .help = "this is a mistake in weft; `weft run --interpret` does without"});
  }
  if (std::rename(temporary.c_str(), output.object.c_str()) != 0) {
    return fail(
        {.code = "E0512",
         .message = fmt::format("can't write {}: {}", output.object, std::strerror(errno))});
  }
  return output;
}

}  // namespace weft::codegen
