// The files of a folder, read into memory once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace http {

struct File {
  std::string_view data;
  std::string type;           // Content-Type
  std::string etag;           // strong, with its quotes
  std::int64_t modified = 0;  // seconds since 1970
  std::string about;          // the header lines that every answer about it has
  std::string redirect;       // a folder that was asked for without its slash: where it is
  std::unique_ptr<char[]> bytes;
};

class Files {
 public:
  // All regular files below `root`, by the path behind it. A folder's index.html is the folder's,
  // too. Throws std::filesystem::filesystem_error or std::runtime_error.
  explicit Files(const std::string& root);
  Files() = default;

  void add(const std::string& path, std::unique_ptr<char[]> bytes, std::size_t length,
           std::int64_t modified);
  const File* find(std::string_view path) const;
  std::size_t count() const { return files_.size(); }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  void add_index(const std::string& path);
  std::unordered_map<std::string, std::shared_ptr<File>, Hash, std::equal_to<>> files_;
};

// The folder's files, read once for all instances in this process.
std::shared_ptr<const Files> shared_files(const std::string& root);

}  // namespace http
