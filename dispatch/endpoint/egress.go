package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// ErrBlockedAddress is what a *BlockedError wraps: the egress rules forbid to call an address.
var ErrBlockedAddress = errors.New("blocked address")

// BlockedError says which address is blocked and what kind of address it is.
type BlockedError struct {
	Addr netip.Addr
	Why  string // "link-local or metadata address", "loopback address", "private address", "not a public address"
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", ErrBlockedAddress, e.Addr, e.Why)
}

// Unwrap returns ErrBlockedAddress.
func (e *BlockedError) Unwrap() error { return ErrBlockedAddress }

// Allow lists what API-made endpoints may call beside public addresses. The zero value allows nothing more.
type Allow struct {
	Loopback bool           // 127.0.0.0/8 and ::1
	Private  bool           // 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7
	Prefixes []netip.Prefix // masked; IPv4 ones cover the v4-mapped form too
}

// ParseAllow reads the entries of the YAML list egress.allow: "loopback", "private", an address, or a CIDR prefix. It returns every
// *InvalidError joined, with fields as "allow[2]". Prefixes that lie within what is always refused are errors, because
// allowing them would have no effect.
func ParseAllow(entries []string) (Allow, error) {
	var a Allow
	var p problems
	for i, entry := range entries {
		field := fmt.Sprintf("allow[%d]", i)
		switch entry {
		case "loopback":
			a.Loopback = true
			continue
		case "private":
			a.Private = true
			continue
		}
		prefix, err := parsePrefix(entry)
		switch {
		case err != nil:
			p.add(field, "%.64q is not loopback, private, an address or a CIDR prefix such as 10.1.0.0/16", entry)
		case prefix != prefix.Masked():
			p.add(field, "%s has bits beyond its length; write %s", prefix, prefix.Masked())
		case neverCovers(prefix):
			p.add(field, "%s is link-local or metadata, which is refused whatever the list says", prefix)
		default:
			a.Prefixes = append(a.Prefixes, prefix)
		}
	}
	return a, p.join()
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		if prefix.Addr().Is4In6() {
			if prefix.Bits() < 96 {
				return netip.Prefix{}, errors.New("mixes both families")
			}
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		return prefix, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, errors.New("has a zone")
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// The tables below are never written to.
var (
	// never is refused for every endpoint: who may choose a URL must not reach the instance's credentials through it.
	never = prefixes(
		"169.254.0.0/16",     // link-local (RFC 3927); with it the metadata services of AWS, GCP, Azure, ECS, DigitalOcean, …
		"fe80::/10",          // link-local (RFC 4291)
		"fd00:ec2::/32",      // AWS: metadata (::254), DNS (::253), time (::123)
		"fd20:ce::254/128",   // GCP metadata
		"fd00:42::42/128",    // Scaleway metadata
		"100.100.100.200/32", // Alibaba Cloud metadata
		"168.63.129.16/32",   // Azure's wire server, a public address that is the host
		"192.0.0.192/32",     // Oracle Cloud metadata
	)
	private = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
	// special is IANA's special-purpose registries: what is not globally reachable.
	special = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	)
	global6 = netip.MustParsePrefix("2000::/3")

	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")      // RFC 4380: the client's address, inverted, is last
	v4Compat   = netip.MustParsePrefix("::/96")          // RFC 4291, deprecated
)

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func neverCovers(prefix netip.Prefix) bool {
	for _, n := range never {
		if n.Bits() <= prefix.Bits() && n.Contains(prefix.Addr()) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 address that a translation address stands for, if it is one.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() || addr == netip.IPv6Loopback() || addr == netip.IPv6Unspecified() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr), v4Compat.Contains(addr), nat64Local.Contains(addr): // the local one: at /96, the usual length
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(addr):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	}
	return netip.Addr{}, false
}

// Guard decides which addresses may be called. The zero value allows public addresses only.
type Guard struct{ allow Allow }

// NewGuard makes a guard. It keeps a.Prefixes, which nobody may change.
func NewGuard(a Allow) Guard { return Guard{allow: a} }

// Check returns nil if the address may be called, and otherwise a *BlockedError. For managed endpoints (the operator's own file)
// everything may but link-local and metadata addresses. For others only public addresses may, and those that the Allow list
// names, except link-local and metadata addresses. Addresses that stand for an IPv4 one (v4-mapped, NAT64, 6to4, Teredo) are judged by that one too.
func (g Guard) Check(managed bool, addr netip.Addr) error {
	shown := addr
	// A zone would make every prefix comparison false.
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return &BlockedError{Addr: shown, Why: "not an address"}
	}
	inner, translated := embedded(addr)
	if within(never, addr) || (translated && within(never, inner)) {
		return &BlockedError{Addr: shown, Why: "link-local or metadata address"}
	}
	if managed || within(g.allow.Prefixes, addr) {
		return nil
	}
	if translated && nat64.Contains(addr) { // the way to the IPv4 Internet on IPv6-only hosts
		addr = inner
		if within(g.allow.Prefixes, addr) {
			return nil
		}
	}
	switch {
	case addr.IsLoopback():
		if g.allow.Loopback {
			return nil
		}
		return &BlockedError{Addr: shown, Why: "loopback address"}
	case within(private, addr):
		if g.allow.Private {
			return nil
		}
		return &BlockedError{Addr: shown, Why: "private address"}
	case within(special, addr), addr.Is6() && !global6.Contains(addr):
		return &BlockedError{Addr: shown, Why: "not a public address"}
	}
	return nil
}

// CheckURL is an early answer for whoever defines an endpoint: it checks the URL's host without asking DNS, so it
// sees literal addresses and localhost names; what a name resolves to is checked at each dial. Hosts that look
// like numbers but are no address ("2130706433", "0x7f.1", "127.1") are blocked unless managed, because resolvers disagree about them.
// The error is a *BlockedError or an *InvalidError of field "url".
func (g Guard) CheckURL(managed bool, raw string) error {
	var p problems
	u := validateURL(&p, raw)
	if u == nil {
		return p.join()
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.Check(managed, addr)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return g.Check(managed, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if !managed && (strings.HasPrefix(last, "0x") || (last != "" && strings.Trim(last, "0123456789") == "")) {
		return &InvalidError{Field: "url", Reason: "host " + clip(host, 64) + " is neither a name nor an address"}
	}
	return nil
}

// control is for net.Dialer.ControlContext: it sees each address after DNS, just before connecting.
func (g Guard) control(managed bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s %q", ErrBlockedAddress, network, address)
		}
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Errorf("%w: %s %q", ErrBlockedAddress, network, address)
		}
		return g.Check(managed, addr)
	}
}
