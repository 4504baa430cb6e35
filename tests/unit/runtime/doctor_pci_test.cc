// Checks for a card that weft drives itself, on a sysfs made of files: what is refused, and that no
// command is ever given for a card that the kernel uses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "runtime/doctor/driver_library.h"
#include "runtime/doctor/pci.h"
#include "runtime/doctor/pci_device.h"

namespace weft::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* card = "0000:00:04.0";

// One machine with one card; tests add what makes it different.
class Machine : public ::testing::Test {
 protected:
  fs::path root =
      fs::path(testing::TempDir()) /
      ("weft_pci_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  doctor::PciPlaces places{(root / "sys").string(), (root / "proc").string(),
                           (root / "dev").string(), (root / "drivers").string()};
  doctor::Question question;

  void SetUp() override {
    fs::remove_all(root);
    question.wire = *ports::wire_name(std::string("pci:") + card);
    question.huge_pages = true;
    write(device() / "vendor", "0x8086\n");
    write(device() / "device", "0x10d3\n");
    write(device() / "class", "0x020000\n");
    library("librte_net_e1000.so.23.0",
            R"({"name": "net_e1000_em", "pci_ids": [[32902, 4307, 65535, 65535]]})");
    write(root / "proc/net/route", "Iface\tDestination\n");
    fs::create_directories(root / "dev/vfio");
  }
  void TearDown() override { fs::remove_all(root); }

  fs::path device(const std::string& address = card) const {
    return root / "sys/bus/pci/devices" / address;
  }
  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void library(const std::string& name, const std::string& info) {
    write(root / "drivers" / name, std::string("\x7f"
                                               "ELF\0",
                                               5) +
                                       "PMD_INFO_STRING= " + info + std::string(1, '\0') + "more");
  }
  void bind(const std::string& driver, const std::string& address = card) {
    fs::create_directories(root / "sys/bus/pci/drivers" / driver);
    fs::remove(device(address) / "driver");
    fs::create_symlink("../../drivers/" + driver, device(address) / "driver");
  }
  void group(const std::string& number, const std::string& address = card) {
    const fs::path folder = root / "sys/kernel/iommu_groups" / number;
    fs::create_directories(folder / "devices");
    fs::create_directory_symlink(device(address), folder / "devices" / address);
    fs::create_directory_symlink(folder, device(address) / "iommu_group");
  }
  void route(const std::string& interface, const std::string& to, const std::string& mask) {
    std::ofstream(root / "proc/net/route", std::ios::app)
        << interface << '\t' << to << "\t0100000A\t0003\t0\t0\t0\t" << mask << "\t0\t0\t0\n";
  }
  std::vector<doctor::Check> examine() {
    std::vector<doctor::Check> checks;
    doctor::pci(question, checks, places);
    return checks;
  }
  // The one check that is not ok.
  doctor::Check bad() {
    std::vector<doctor::Check> found;
    for (auto& check : examine()) {
      if (!check.ok) found.push_back(check);
    }
    EXPECT_EQ(found.size(), 1U) << doctor::to_text(found, false);
    return found.empty() ? doctor::Check{} : found.front();
  }
};

TEST_F(Machine, ACardThatIsReady) {
  bind("uio_pci_generic");
  const auto checks = examine();
  EXPECT_EQ(doctor::all_ok(checks), geteuid() == 0) << doctor::to_text(checks, false);
  EXPECT_NE(doctor::to_text(checks, false).find("driven by net_e1000_em"), std::string::npos);
}

TEST_F(Machine, NoSuchCard) {
  question.wire = *ports::wire_name("pci:05:00.1");
  EXPECT_EQ(bad().name, "device");
  write(device() / "class", "0x010802\n");
  question.wire = *ports::wire_name("pci:00:04.0");
  EXPECT_NE(bad().what.find("no network card"), std::string::npos) << "that is a disk";
}

TEST_F(Machine, BoundToNothing) {
  EXPECT_EQ(bad().mend,
            "modprobe uio_pci_generic && echo uio_pci_generic > "
            "/sys/bus/pci/devices/0000:00:04.0/driver_override && echo 0000:00:04.0 > "
            "/sys/bus/pci/drivers_probe");
}

TEST_F(Machine, BoundToTheKernelsDriverAndIdle) {
  bind("e1000e");
  fs::create_directories(device() / "net/weft-none0");
  const auto check = bad();
  EXPECT_EQ(check.name, "binding");
  EXPECT_NE(check.mend.find("echo 0000:00:04.0 > /sys/bus/pci/devices/0000:00:04.0/driver/unbind"),
            std::string::npos)
      << check.mend;
}

TEST_F(Machine, BehindAnIommuItIsVfio) {
  group("7");
  EXPECT_EQ(bad().mend.rfind("modprobe vfio-pci && ", 0), 0U);
  bind("vfio-pci");
  EXPECT_EQ(bad().name, "rights") << "nobody may open /dev/vfio/7";
  write(root / "dev/vfio/7", "");
  question.huge_pages = false;
  EXPECT_TRUE(doctor::all_ok(examine())) << "no huge pages are needed";
  EXPECT_FALSE(doctor::needs_huge_pages(card, places));
}

TEST_F(Machine, WithoutAnIommuHugePagesAreNeeded) {
  bind("uio_pci_generic");
  question.huge_pages = false;
  EXPECT_TRUE(doctor::needs_huge_pages(card, places));
  const auto checks = examine();
  EXPECT_EQ(checks.back().name, "huge_pages");
  EXPECT_FALSE(checks.back().ok);
}

TEST_F(Machine, VfioWithoutAnIommu) {
  bind("vfio-pci");
  EXPECT_EQ(bad().name, "iommu");
  write(root / "sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
  EXPECT_TRUE(doctor::all_ok(examine()));
}

TEST_F(Machine, AGroupIsGivenAwayAsAWhole) {
  bind("vfio-pci");
  group("7");
  write(root / "dev/vfio/7", "");
  write(device("0000:00:05.0") / "class", "0x010601\n");
  bind("ahci", "0000:00:05.0");
  fs::create_directory_symlink(device("0000:00:05.0"),
                               root / "sys/kernel/iommu_groups/7/devices/0000:00:05.0");
  EXPECT_NE(bad().what.find("0000:00:05.0"), std::string::npos);
  write(device("0000:00:05.0") / "class", "0x060400\n");
  EXPECT_TRUE(doctor::all_ok(examine())) << "a bridge may stay";
}

// Whatever the kernel uses an interface for, there is no command that would take it away.
TEST_F(Machine, ACardInUseIsLeftAlone) {
  bind("e1000e");
  const auto left_alone = [this](const std::string& words) {
    const auto check = bad();
    EXPECT_EQ(check.name, "in_use");
    EXPECT_NE(check.what.find(words), std::string::npos) << check.what;
    EXPECT_EQ(check.mend.find("unbind"), std::string::npos) << check.mend;
    EXPECT_EQ(check.mend.find("driver_override"), std::string::npos) << check.mend;
  };
  fs::create_directories(device() / "net/weft-none0");
  route("weft-none0", "0000FEA9", "0000FFFF");
  left_alone("has a route");
  route("weft-none0", "00000000", "00000000");
  left_alone("has the default route");
  write(root / "proc/net/route", "Iface\n");
  fs::create_directories(root / "sys/class/net/weft-none0");
  fs::create_symlink("../br0", root / "sys/class/net/weft-none0/master");
  left_alone("is part of br0");
  fs::remove_all(device() / "net");
  left_alone("no interface in this network namespace");
}

TEST_F(Machine, AVirtioInterfaceIsOneFolderDown) {
  bind("virtio-pci");
  fs::create_directories(device() / "virtio3/net/lo");  // lo has an address everywhere
  const auto check = bad();
  EXPECT_EQ(check.name, "in_use");
  EXPECT_NE(check.what.find("has the address 127.0.0.1"), std::string::npos) << check.what;
}

TEST_F(Machine, TheDriverIsThePlans) {
  bind("uio_pci_generic");
  question.card_driver = "net_e1000_em";
  EXPECT_EQ(doctor::all_ok(examine()), geteuid() == 0);
  question.card_driver = "net_ixgbe";
  const auto text = doctor::to_text(examine(), true);
  EXPECT_NE(text.find("the plan is for a card of net_ixgbe; 0000:00:04.0 (8086:10d3) is driven by "
                      "net_e1000_em"),
            std::string::npos)
      << text;
}

TEST_F(Machine, NoDriverKnowsIt) {
  bind("uio_pci_generic");
  write(device() / "device", "0x1234\n");
  const auto text = doctor::to_text(examine(), true);
  EXPECT_NE(text.find("knows 0000:00:04.0 (8086:1234)"), std::string::npos) << text;
}

TEST(DriverLibrary, KnowsQemusCards) {
  const std::string folder = doctor::driver_folder();
  EXPECT_EQ(doctor::driver_library({0x8086, 0x10d3, 0x1af4, 0x1100}, folder).driver,
            "net_e1000_em");
  EXPECT_EQ(doctor::driver_library({0x15ad, 0x07b0, 0x1af4, 0x1100}, folder).driver, "net_vmxnet3");
  EXPECT_EQ(doctor::driver_library({0x1af4, 0x1041, 0x1af4, 0x1100}, folder).driver, "net_virtio");
  EXPECT_EQ(doctor::driver_library({0x8086, 0x10fb, 0x1af4, 0x1100}, folder).driver, "net_ixgbe");
  EXPECT_EQ(doctor::driver_library({0x8086, 0x0001, 0x1af4, 0x1100}, folder).driver, "");
  // The same numbers on a card that another driver knows by its second pair.
  EXPECT_EQ(doctor::driver_library({0x1af4, 0x1041, 0x8086, 0x001a}, folder).driver, "net_ifcvf");
  EXPECT_EQ(doctor::driver_library({0x8086, 0x10d3, 0x1af4, 0x1100}, "/no/such/folder").driver, "");
}

}  // namespace
}  // namespace weft::test
