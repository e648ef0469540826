package event_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs does what docs/events.md shows: its curl commands are accepted, and the errors of its
// table are those that come.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)

	commands := regexp.MustCompile("(?s)```sh\n(curl .*?)```").FindAllStringSubmatch(text, -1)
	if len(commands) != 4 {
		t.Errorf("found %d curl commands, want 4", len(commands))
	}
	argument := regexp.MustCompile(`(?s) -([Hd]) '([^']*)'`)
	for _, command := range commands {
		header, body := make(http.Header), ""
		for _, arg := range argument.FindAllStringSubmatch(command[1], -1) {
			if arg[1] == "d" {
				body = arg[2]
				continue
			}
			name, value, _ := strings.Cut(arg[2], ": ")
			header.Add(name, value)
		}
		events, err := intake().DecodeHTTP(header, []byte(body))
		if err != nil || len(events) == 0 || !strings.HasPrefix(events[0].Type, "order.") {
			t.Errorf("%s\ngives %+v, %v", command[1], events, err)
		}
	}

	rows := regexp.MustCompile("(?m)^\\| `([{[].*?)` \\| `(.*)` \\|$").FindAllStringSubmatch(text, -1)
	if len(rows) != 4 {
		t.Errorf("found %d errors of plain JSON, want 4", len(rows))
	}
	for _, row := range rows {
		if _, err := intake().DecodePlain([]byte(row[1])); err == nil || err.Error() != row[2] {
			t.Errorf("%s\ngives %v\nwant  %s", row[1], err, row[2])
		}
	}
	for name, value := range map[string]string{"Ce-Subject": "%C0%A0", "Ce-Type": "-", "Content-Type": "text/xml"} {
		header := ceHeaders(name, value)
		if name == "Content-Type" {
			header = headers(name, value)
		}
		if _, err := intake().DecodeHTTP(header, nil); err == nil || !strings.Contains(text, "| `"+err.Error()+"` |") {
			t.Errorf("the page does not have: %v", err)
		}
	}
}
