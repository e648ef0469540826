package sqs

import (
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
)

// TestMD5OfAttributes has digests that AWS answered.
func TestMD5OfAttributes(t *testing.T) {
	t.Parallel()
	attr := func(name, dataType, value string) queue.Attribute {
		return queue.Attribute{Name: name, Type: dataType, Value: []byte(value)}
	}
	for _, c := range []struct {
		attrs []queue.Attribute
		want  string
	}{
		{nil, ""},
		{[]queue.Attribute{attr("timestamp", "Number", "1493147359900")}, "235c5c510d26fb653d073faed50ae77c"},
		{[]queue.Attribute{attr("MyAttribute", "String", "foobar")}, "adb59cd4678ea5a855436b949cd07ab6"},
		{[]queue.Attribute{attr("attr1", "Binary", "traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01")}, "8cbe4db156db8a94db8b801b7addb984"},
	} {
		if got := md5OfAttributes(c.attrs); got != c.want {
			t.Errorf("%v: got %s, want %s", c.attrs, got, c.want)
		}
	}
	// The order in which they came does not count, a suffix of the type does; and the caller's slice stays as it is.
	a, b, suffixed := attr("a", "String", "1"), attr("b", "Binary", "2"), attr("b", "Binary.png", "2")
	given := []queue.Attribute{b, a}
	if md5OfAttributes(given) != md5OfAttributes([]queue.Attribute{a, b}) {
		t.Error("the order counts")
	}
	if given[0].Name != "b" {
		t.Error("the caller's attributes were sorted")
	}
	if md5OfAttributes([]queue.Attribute{a, b}) == md5OfAttributes([]queue.Attribute{a, suffixed}) {
		t.Error("the suffix of a type does not count")
	}
	if got, want := md5Of([]byte("b")), "92eb5ffee6ae2fec3ad71c777531578f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
