package event_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
)

var update = flag.Bool("update", false, "rewrite testdata/golden/*.golden")

// TestGolden reads requests (headers, an empty line, a body) and compares all forms in which their
// events go out with the file beside them.
func TestGolden(t *testing.T) {
	t.Parallel()
	requests, err := filepath.Glob("testdata/golden/*.http")
	if err != nil || len(requests) == 0 {
		t.Fatalf("no requests: %v", err)
	}
	for _, name := range requests {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			header, body := readRequest(t, name)
			events, err := intake().DecodeHTTP(header, body)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for i, e := range events {
				e.ID = fmt.Sprintf("01a2098d-595b-7000-8000-%012d", i)
				writeForms(&got, &e)
			}
			golden := strings.TrimSuffix(name, ".http") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("run with -update when this is meant (-want +got):\n%s", diff)
			}
		})
	}
}

func readRequest(t *testing.T, name string) (http.Header, []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(data))
	header, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return http.Header(header), body
}

func writeForms(w *bytes.Buffer, e *event.Event) {
	fmt.Fprintf(w, "--- eventbridge\n%s\n--- structured\n%s\n--- binary\n", e.AppendEventBridge(nil), e.AppendStructured(nil))
	header := make(http.Header)
	contentType, body := e.Binary(header)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(w, "%s: %s\n", name, header[name][0])
	}
	fmt.Fprintf(w, "Content-Type: %s\n\n%s\n", contentType, body)
}
