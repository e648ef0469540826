package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

// BenchmarkLoad reads a file of 1,000 rules with a pattern, a condition and two targets each.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	text.WriteString("queues: {orders: {}}\nfunctions: {f: {url: http://127.0.0.1:8080/}}\nrules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, `  - name: rule-%d
    when: {source: [shop], detail: {customer: [c%d], total: [{numeric: [">", %d]}]}}
    if: event.detail.tier == "gold" and event.detail.items > %d
    targets:
      - {queue: orders}
      - {function: f, transform: {paths: {id: $.detail.id}, template: '{"order": "<id>"}'}}
`, i, i, i, i)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := config.Load("router.yaml", data, env); err != nil {
			b.Fatal(err)
		}
	}
}
