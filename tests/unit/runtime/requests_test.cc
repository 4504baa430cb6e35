// What applications ask for goes to the planner, and its answers come back: with none there, with
// one that refuses, that dies, that talks nonsense.
#include "runtime/live/requests.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>

#include "runtime/apps/weft_app.h"
#include "runtime/observe/unix_socket.h"

namespace weft::test {
namespace {

using Clock = std::chrono::steady_clock;

// Answers each line by a function; "": it hangs up.
class FakePlanner {
 public:
  FakePlanner(const std::string& path, std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)) {
    sockaddr_un address;
    EXPECT_TRUE(observe::socket_address(path, address));
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::thread([this] {
      for (int client = 0; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
        std::string line;
        for (char c = 0; read(client, &c, 1) == 1 && c != '\n';) line += c;
        const std::string said = answer_(line);
        (void)!send(client, said.data(), said.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~FakePlanner() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

 private:
  std::function<std::string(const std::string&)> answer_;
  int listener_ = -1;
  std::thread thread_;
};

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() : requests(2, [this](unsigned core) { ++woken[core]; }) {
    char made[] = "/tmp/weft-requests-XXXXXX";
    folder = mkdtemp(made);
    path = folder + "/s.planner";
  }
  ~RequestsTest() override {
    requests.stop();
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  void ask(unsigned core, std::uint64_t ticket, const std::string& words) {
    ASSERT_TRUE(requests.mailbox(core).requests.put({ticket, words}));
    requests.mailbox(core).bell();
  }
  apps::Answer answer(unsigned core) {
    apps::Answer out;
    const auto end = Clock::now() + std::chrono::seconds(20);
    while (!requests.mailbox(core).answers.take(out) && Clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return out;
  }

  std::string folder, path;
  std::atomic<unsigned> woken[2] = {0, 0};
  live::Requests requests;
};

TEST_F(RequestsTest, WithoutAPlannerTheApplicationIsToldHowToStartOne) {
  requests.serve("s", path);
  ask(1, 7, "add flow");
  const apps::Answer a = answer(1);
  EXPECT_EQ(a.ticket, 7u);
  EXPECT_EQ(a.outcome, static_cast<unsigned>(WEFT_ANSWER_NO_PLANNER));
  EXPECT_NE(a.reason.find("error[E0677]: no planner serves the stack `s`"), std::string::npos);
  EXPECT_NE(a.reason.find("weft plan --serve --stack s"), std::string::npos);
  EXPECT_EQ(woken[0], 0u);
}

// What was asked for before there was a stack of this name waits.
TEST_F(RequestsTest, WordsGoThereAndWhatIsSaidComesBack) {
  FakePlanner planner(path, [](const std::string& line) {
    if (line == "one") return R"({"ok": true, "queue": 3, "operations": []})";
    if (line == "two") return R"({"ok": false, "code": "E0676", "message": "m", "help": "h"})";
    if (line == "three")
      return R"({"ok": false, "code": "E0672", "message": "m", "notes": ["the card: no"]})";
    if (line == "four") return R"({"ok": false, "code": "E0675", "message": "m"})";
    if (line == "five") return "{\"ok\"";
    return line == "six" ? "" : R"({"ok": true, "endpoint": 4})";
  });
  const char* lines[] = {"one", "two", "three", "four", "five", "six", "seven"};
  for (unsigned i = 0; i < 7; ++i) ask(i % 2, 10 + i, lines[i]);
  requests.serve("s", path);
  const struct {
    unsigned outcome, queue;
    const char* says;
  } wanted[] = {{WEFT_ANSWER_DONE, 3, ""},
                {WEFT_ANSWER_REFUSED, 0, "error[E0676]: m\n"},
                {WEFT_ANSWER_TAKEN_BACK, 0, "the card: no"},
                {WEFT_ANSWER_UNKNOWN, 0, "error[E0675]: m"},
                {WEFT_ANSWER_UNKNOWN, 0, "makes no sense"},
                {WEFT_ANSWER_UNKNOWN, 0, "gave no answer"}};
  for (unsigned i = 0; i < 6; ++i) {
    const apps::Answer a = answer(i % 2);
    EXPECT_EQ(a.ticket, 10 + i);
    EXPECT_EQ(a.outcome, wanted[i].outcome) << i;
    EXPECT_EQ(a.queue, wanted[i].queue) << i;
    EXPECT_NE(a.reason.find(wanted[i].says), std::string::npos) << a.reason;
    EXPECT_EQ(a.reason.empty(), wanted[i].outcome == WEFT_ANSWER_DONE);
  }
  EXPECT_EQ(answer(0).added, 4u);
  requests.stop();  // (a core is woken behind its answer)
  EXPECT_EQ(woken[0], 4u);
  EXPECT_EQ(woken[1], 3u);
}

// A planner that thinks does not keep the stack from ending.
TEST_F(RequestsTest, EndsWhileAPlannerThinks) {
  std::atomic<bool> asked = false, over = false;
  FakePlanner planner(path, [&](const std::string&) {
    asked = true;
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return "";
  });
  requests.serve("s", path);
  ask(0, 1, "one");
  while (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto start = Clock::now();
  requests.stop();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  apps::Answer none;
  EXPECT_FALSE(requests.mailbox(0).answers.take(none));
  over = true;
}

}  // namespace
}  // namespace weft::test
