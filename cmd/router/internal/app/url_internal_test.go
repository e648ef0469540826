package app

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// Links that only this machine can follow are told of, where others may get them.
func TestWarnOfURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ip     net.IP
		opts   Options
		url    string
		warned bool
	}{
		{net.IPv4zero, Options{}, "http://127.0.0.1:80", true},
		{net.IPv6unspecified, Options{}, "http://127.0.0.1:80", true},
		{net.IPv6unspecified, Options{PublicURL: "https://router.internal/"}, "https://router.internal", false},
		{net.IPv4zero, Options{Dev: NewDev(io.Discard)}, "http://127.0.0.1:80", false},
		{net.IPv4(127, 0, 0, 1), Options{}, "http://127.0.0.1:80", false},
		{net.IPv6loopback, Options{}, "http://[::1]:80", false},
		{net.IPv4(10, 0, 0, 1), Options{}, "http://10.0.0.1:80", false},
	} {
		var log bytes.Buffer
		r := &router{opts: c.opts, log: zerolog.New(&log), addr: &net.TCPAddr{IP: c.ip, Port: 80}}
		r.warnOfURL()
		said := strings.Contains(log.String(), "--public-url") && strings.Contains(log.String(), `"level":"warn","url":"`+c.url+`"`)
		if r.url() != c.url || said != c.warned || !c.warned && log.Len() > 0 {
			t.Errorf("%v with %+v: %s, %q", c.ip, c.opts, r.url(), log.String())
		}
	}
}
