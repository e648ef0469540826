package catalog_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// TestErrorsInEnglish has the tables that clients hear of.
func TestErrorsInEnglish(t *testing.T) {
	t.Parallel()
	for table, noun := range map[string]string{
		"queues": "queue", "topics": "topic", "subscriptions": "subscription", "functions": "function",
		"buses": "bus", "rules": "rule", "archives": "archive", "connections": "connection",
		"api-destinations": "API destination", "subscription-endpoints": "subscription endpoint",
	} {
		for _, test := range []struct {
			err  error
			want string
		}{
			{&catalog.ManagedError{Table: table, Name: named("fu"), Owner: "file:router.yaml"},
				noun + " fu is declared by file:router.yaml and can only be changed there"},
			{&catalog.ManagedError{Table: table, Name: named("fu"), Owner: catalog.Builtin},
				noun + " fu is built in; declare it in a file to change it"},
			{&catalog.TakenError{Table: table, Name: named("fu")},
				noun + " fu already exists: it was created through the API"},
			{&catalog.TakenError{Table: table, Name: named("fu"), Owner: "file:b.yaml"},
				noun + " fu already exists: it is declared by file:b.yaml"},
		} {
			if got := test.err.Error(); got != test.want {
				t.Errorf("%s: %q, want %q", table, got, test.want)
			}
		}
	}
}
