#include "files.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>

#include "dates.h"
#include "target.h"

namespace http {
namespace {

const char* type_of(const std::string& path) {
  static const std::map<std::string, const char*> types = {
      {".html", "text/html; charset=utf-8"},
      {".htm", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".txt", "text/plain; charset=utf-8"},
      {".md", "text/plain; charset=utf-8"},
      {".json", "application/json"},
      {".xml", "application/xml"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".webp", "image/webp"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
      {".pdf", "application/pdf"},
      {".mp4", "video/mp4"}};
  const auto found = types.find(std::filesystem::path(path).extension().string());
  return found == types.end() ? "application/octet-stream" : found->second;
}

// FNV-1a over eight bytes at a time: it tells versions of a file apart, it guards nothing.
std::uint64_t digest(std::string_view data) {
  std::uint64_t h = 14695981039346656037ull;
  while (data.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), 8);
    h = (h ^ word) * 1099511628211ull;
    h ^= h >> 29;
    data.remove_prefix(8);
  }
  for (const char c : data) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return h;
}

}  // namespace

void Files::add(const std::string& path, std::unique_ptr<char[]> bytes, std::size_t length,
                std::int64_t modified) {
  auto file = std::make_shared<File>();
  file->bytes = std::move(bytes);
  file->data = {file->bytes.get(), length};
  file->type = type_of(path);
  file->modified = modified;
  char tag[40];
  std::snprintf(tag, sizeof(tag), "\"%zx-%016llx\"", length,
                static_cast<unsigned long long>(digest(file->data)));
  file->etag = tag;
  file->about = "Last-Modified: " + to_date(modified) + "\r\nETag: " + file->etag +
                "\r\nAccept-Ranges: bytes\r\n";
  files_[path] = std::move(file);
  add_index(path);
}

void Files::add_index(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (path.substr(slash) != "/index.html") return;
  files_[path.substr(0, slash + 1)] = files_[path];
  if (slash == 0) return;
  auto moved = std::make_shared<File>();
  moved->redirect = encoded(path.substr(0, slash + 1));
  files_[path.substr(0, slash)] = std::move(moved);
}

Files::Files(const std::string& root) {
  namespace fs = std::filesystem;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().string();
    std::ifstream in(name, std::ios::binary);
    struct stat about;
    if (!in || stat(name.c_str(), &about) != 0) throw std::runtime_error(name + ": cannot be read");
    const auto bytes = static_cast<std::size_t>(about.st_size);
    std::unique_ptr<char[]> data(new char[bytes]);
    if (bytes != 0 && !in.read(data.get(), static_cast<std::streamsize>(bytes)))
      throw std::runtime_error(name + ": has become shorter");
    add("/" + fs::relative(entry.path(), root).string(), std::move(data), bytes, about.st_mtime);
  }
}

const File* Files::find(std::string_view path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const Files> shared_files(const std::string& root) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const Files>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto there = known[root].lock()) return there;
  auto read = std::make_shared<const Files>(root);
  known[root] = read;
  return read;
}

}  // namespace http
