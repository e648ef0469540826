package endpoint_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestGuardCheck(t *testing.T) {
	t.Parallel()
	parse := func(entries ...string) endpoint.Guard {
		a, err := endpoint.ParseAllow(entries)
		if err != nil {
			t.Fatal(err)
		}
		return endpoint.NewGuard(a)
	}
	// Each letter is allowed by: p nothing (public), l loopback, r private, c the CIDRs, m managed.
	guards := map[rune]endpoint.Guard{
		'p': {}, 'l': parse("loopback"), 'r': parse("private"), 'c': parse("100.64.0.0/10", "10.1.2.3", "::ffff:10.9.0.0/112", "fd00::/8"),
	}
	for addr, allowed := range map[string]string{
		"93.184.216.34": "plrcm", "8.8.8.8": "plrcm", "2606:2800:220:1::1": "plrcm", "::ffff:8.8.8.8": "plrcm", "64:ff9b::8.8.8.8": "plrcm",
		"127.0.0.1": "lm", "127.255.255.254": "lm", "::1": "lm", "::ffff:127.0.0.1": "lm", "64:ff9b::127.0.0.1": "lm", "::1%lo": "lm",
		"10.0.0.1": "rm", "172.16.0.1": "rm", "172.31.255.255": "rm", "192.168.1.1": "rm", "::ffff:10.0.0.1": "rm", "64:ff9b::10.0.0.1": "rm",
		"fc00::1": "rm", "fd12::1": "rcm", "fd12::1%eth0": "rcm",
		"172.32.0.1": "plrcm", "172.15.255.255": "plrcm", "11.0.0.1": "plrcm", "192.167.255.255": "plrcm",
		"10.1.2.3": "rcm", "10.1.2.4": "rm", "10.9.1.1": "rcm", "::ffff:10.1.2.3": "rcm", "64:ff9b::10.1.2.3": "rcm", "100.64.0.1": "cm",
		"0.0.0.0": "m", "::": "m", "192.0.2.1": "m", "198.18.0.1": "m", "203.0.113.9": "m", "224.0.0.1": "m", "255.255.255.255": "m", "240.0.0.1": "m",
		"2001:db8::1": "m", "ff02::1": "m", "4000::1": "m", "::2": "m",
		// Addresses that tunnel to private ones are not public either.
		"2002:7f00:1::": "m", "2001:0:1::1": "m", "64:ff9b:1::10.0.0.1": "m", "::10.0.0.1": "m",
		// Never, for nobody.
		"169.254.169.254": "", "169.254.170.2": "", "169.254.0.1": "", "::ffff:169.254.169.254": "", "64:ff9b::169.254.169.254": "",
		"64:ff9b:1::169.254.169.254": "", "2002:a9fe:a9fe::1": "", "::169.254.169.254": "", "2001:0:1::5601:5601": "", "fe80::1": "", "fe80::1%eth0": "", "febf::1": "",
		"fd00:ec2::254": "", "fd20:ce::254": "", "fd00:42::42": "", "100.100.100.200": "", "168.63.129.16": "", "192.0.0.192": "",
	} {
		a := netip.MustParseAddr(addr)
		for letter, g := range guards {
			check(t, g.Check(false, a), addr, letter, strings.ContainsRune(allowed, letter))
		}
		check(t, endpoint.Guard{}.Check(true, a), addr, 'm', strings.ContainsRune(allowed, 'm'))
	}
	if err := (endpoint.Guard{}).Check(true, netip.Addr{}); !errors.Is(err, endpoint.ErrBlockedAddress) {
		t.Errorf("the zero address: %v", err)
	}
}

func check(t *testing.T, err error, addr string, guard rune, allowed bool) {
	t.Helper()
	var blocked *endpoint.BlockedError
	switch {
	case allowed && err != nil:
		t.Errorf("%s with guard %c: %v", addr, guard, err)
	case !allowed && (!errors.Is(err, endpoint.ErrBlockedAddress) || !errors.As(err, &blocked) || blocked.Addr != netip.MustParseAddr(addr) || blocked.Why == ""):
		t.Errorf("%s with guard %c: %v; want blocked by name", addr, guard, err)
	}
}

func TestParseAllow(t *testing.T) {
	t.Parallel()
	a, err := endpoint.ParseAllow([]string{"loopback", "private", "10.1.0.0/16", "203.0.113.7", "::ffff:10.2.0.0/112"})
	want := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("10.2.0.0/16")}
	if err != nil || !a.Loopback || !a.Private || !slices.Equal(a.Prefixes, want) {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = endpoint.ParseAllow([]string{"loopback", "10.1.2.3/16", "Private", "169.254.169.254", "10.0.0.0/33", "fe80::/64", "", "example.com", "::ffff:0:0/64", "fe80::1%eth0", "8.8.8.8"})
	wantFields := []string{"allow[1]", "allow[2]", "allow[3]", "allow[4]", "allow[5]", "allow[6]", "allow[7]", "allow[8]", "allow[9]"}
	if got := fields(t, err); !slices.Equal(got, wantFields) {
		t.Errorf("got %v", got)
	}
	if err == nil || !strings.Contains(err.Error(), "write 10.1.0.0/16") {
		t.Errorf("no help with the masked form: %v", err)
	}
	all, err := endpoint.ParseAllow([]string{"0.0.0.0/0", "::/0"})
	if err != nil {
		t.Fatal(err)
	}
	g := endpoint.NewGuard(all)
	if err := g.Check(false, netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Error(err)
	}
	if err := g.Check(false, netip.MustParseAddr("169.254.169.254")); err == nil {
		t.Error("allowing everything allows metadata")
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	var g endpoint.Guard
	for _, blocked := range []string{
		"http://localhost/", "http://LOCALHOST:8080/", "http://localhost./", "http://a.localhost/", "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:7f00:1]/",
		"http://10.0.0.1/", "http://169.254.169.254/latest", "http://[fe80::1%25eth0]/", "http://0.0.0.0/", "http://u:p@127.0.0.1/", "http://127.0.0.1./",
	} {
		if err := g.CheckURL(false, blocked); !errors.Is(err, endpoint.ErrBlockedAddress) {
			t.Errorf("%s: %v", blocked, err)
		}
	}
	for _, odd := range []string{"http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://0177.0.0.1/", "http://0x7f.0.0.0x1/", "nonsense"} {
		var invalid *endpoint.InvalidError
		if err := g.CheckURL(false, odd); !errors.As(err, &invalid) || invalid.Field != "url" {
			t.Errorf("%s: %v", odd, err)
		}
	}
	for _, ok := range []string{"https://example.com/", "http://8.8.8.8/", "http://localhost.example.com/", "http://1.2.3.4.example/", "http://[2606:4700::1]/"} {
		if err := g.CheckURL(false, ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for raw, ok := range map[string]bool{"http://localhost/": true, "http://10.0.0.1/": true, "http://169.254.169.254/": false, "http://[fe80::1]/": false} {
		if err := g.CheckURL(true, raw); (err == nil) != ok {
			t.Errorf("managed %s: %v", raw, err)
		}
	}
}
