package app

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

// TestAWSSettings shows which settings are in force: the file's, the standard ones, and none for a developer.
func TestAWSSettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "router.yaml")
	if err := os.WriteFile(path, []byte("aws: {purge_wait: 5s, recreate_wait: 1m, http_success: 200-499, signatures: http}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	filed := config.AWS{PurgeWait: 5 * time.Second, PurgeGiven: true, RecreateWait: time.Minute, HTTPSuccess: "200-499", Signatures: "http"}
	for what, test := range map[string]struct {
		opts Options
		want config.AWS
	}{
		"without a file": {Options{}, config.AWS{PurgeWait: time.Minute, HTTPSuccess: "2xx", Signatures: "all"}},
		"with a file":    {Options{Config: path}, filed},
		"a developer's":  {Options{Dev: NewDev(io.Discard)}, config.AWS{HTTPSuccess: "2xx", Signatures: "all"}},
		"a developer's with a file": {
			Options{Config: path, Dev: NewDev(io.Discard)}, filed,
		},
	} {
		test.opts.Store = "memory"
		r := &router{opts: test.opts, log: zerolog.Nop(), addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, fault: make(chan error, 1)}
		file, err := r.readFile()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.openStore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.build(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if r.aws != test.want {
			t.Errorf("%s: %+v, want %+v", what, r.aws, test.want)
		}
		if http := test.want.Signatures == "http"; r.topics.SignHTTPOnly != http {
			t.Errorf("%s: only URLs have signatures is %v, want %v", what, r.topics.SignHTTPOnly, http)
		}
		if err := r.closeStore(); err != nil {
			t.Error(err)
		}
	}
}
