#include "answer.h"

#include <vector>

#include "conditions.h"
#include "dates.h"
#include "ranges.h"

namespace http {
namespace {

const char* reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

class Head {
 public:
  Head(int status, const Clock& clock, bool close, bool keep_alive_old) {
    text_.reserve(512);
    line("HTTP/1.1 ", std::to_string(status), " ", reason(status));
    text_ += clock.lines();
    if (close) line("Connection: close");
    if (keep_alive_old) line("Connection: keep-alive");  // 1.0 closes unless it is told
  }
  template <class... Parts>
  Head& line(const Parts&... parts) {
    (text_.append(parts), ...);
    text_ += "\r\n";
    return *this;
  }
  Head& lines(std::string_view ready) {
    text_ += ready;
    return *this;
  }
  Head& length(std::uint64_t bytes) { return line("Content-Length: ", std::to_string(bytes)); }
  void end(Sink& sink) {
    text_ += "\r\n";
    sink.write(text_);
  }

 private:
  std::string text_;
};

constexpr std::string_view boundary = "weft-7f3a9c2e5b1d8046";

std::string content_range(const Range& r, std::uint64_t bytes) {
  return "Content-Range: bytes " + std::to_string(r.first) + "-" + std::to_string(r.last) + "/" +
         std::to_string(bytes);
}

// RFC 9110 section 14.6. The length is known before the first part is written.
void answer_parts(const File& file, const std::vector<Range>& ranges, Head& head, bool body,
                  Sink& sink) {
  std::vector<std::string> between;
  std::uint64_t length = 0;
  for (const Range& r : ranges) {
    between.push_back(std::string(between.empty() ? "--" : "\r\n--") + std::string(boundary) +
                      "\r\nContent-Type: " + file.type + "\r\n" +
                      content_range(r, file.data.size()) + "\r\n\r\n");
    length += between.back().size() + r.bytes();
  }
  const std::string end = "\r\n--" + std::string(boundary) + "--\r\n";
  head.line("Content-Type: multipart/byteranges; boundary=", boundary)
      .length(length + end.size())
      .end(sink);
  if (!body) return;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    sink.write(between[i]);
    sink.lend(file.data.substr(ranges[i].first, ranges[i].bytes()));
  }
  sink.write(end);
}

void answer_file(const Request& r, const File& file, const Clock& clock, bool close, Sink& sink) {
  const bool body = r.method == Method::get;
  const bool old = !r.http_1_1 && !close;
  const int condition = check_conditions(r, file, clock.seconds());
  if (condition == 304) return Head(304, clock, close, old).lines(file.about).end(sink);
  if (condition != 0) return answer_error(condition, clock, close, !body, sink);
  std::vector<Range> ranges;
  // (Ranges are defined for GET alone: RFC 9110 section 14.2.)
  const Ranges what = r.range.empty() || !body || !range_applies(r, file, clock.seconds())
                          ? Ranges::ignored
                          : ranges_of(r.range, file.data.size(), ranges);
  if (what == Ranges::unsatisfiable) {
    const std::string size = std::to_string(file.data.size());
    return Head(416, clock, close, old).line("Content-Range: bytes */", size).length(0).end(sink);
  }
  Head head(what == Ranges::wanted ? 206 : 200, clock, close, old);
  head.lines(file.about);
  if (ranges.size() > 1 && what == Ranges::wanted)
    return answer_parts(file, ranges, head, body, sink);
  std::string_view part = file.data;
  head.line("Content-Type: ", file.type);
  if (what == Ranges::wanted) {
    part = part.substr(ranges[0].first, ranges[0].bytes());
    head.line(content_range(ranges[0], file.data.size()));
  }
  head.length(part.size()).end(sink);
  if (body) sink.lend(part);
}

}  // namespace

void Clock::set(std::int64_t seconds) {
  if (seconds == seconds_) return;
  seconds_ = seconds;
  lines_ = "Date: " + to_date(seconds) + "\r\nServer: weft\r\n";
}

void answer(const Request& r, const Files& files, const Clock& clock, bool close, Sink& sink) {
  const bool old = !r.http_1_1 && !close;
  constexpr std::string_view allow = "Allow: GET, HEAD, OPTIONS";
  if (r.method == Method::options) return Head(204, clock, close, old).line(allow).end(sink);
  if (r.method == Method::other_known)
    return Head(405, clock, close, old).line(allow).length(0).end(sink);
  const File* file = files.find(r.path);
  if (file == nullptr) return answer_error(404, clock, close, r.method == Method::head, sink);
  if (!file->redirect.empty())
    return Head(301, clock, close, old).line("Location: ", file->redirect).length(0).end(sink);
  answer_file(r, *file, clock, close, sink);
}

void answer_error(int status, const Clock& clock, bool close, bool head, Sink& sink) {
  const std::string text = std::to_string(status) + " " + reason(status) + "\n";
  Head(status, clock, close, false)
      .line("Content-Type: text/plain; charset=utf-8")
      .length(text.size())
      .end(sink);
  if (!head) sink.write(text);
}

}  // namespace http
