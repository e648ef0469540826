package events

import (
	"bytes"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// Limits of entries: how many there are, and the lengths of texts in characters.
const (
	maxEntries      = 10
	maxTraceHeader  = 500
	maxResourceText = 2048
	// timeSize is what the time of an entry counts.
	timeSize = 14
)

var resourceText = awsapi.TextRule{Most: maxResourceText}.Compiled()

// size is what an entry counts toward the limit of a request, in bytes.
func (s *entry) size() int {
	n := len(s.Source) + len(s.DetailType) + len(s.Detail)
	for _, resource := range s.Resources {
		n += len(resource)
	}
	if !s.Time.IsZero() {
		n += timeSize
	}
	return n
}

// fault says what is wrong with an entry, but for its detail; no code for nothing.
func (s *entry) fault() putEntry {
	missing := func(name string) putEntry {
		return putEntry{Code: "InvalidArgument", Message: "Parameter " + name + " is not valid. Reason: " + name + " is a required argument."}
	}
	switch {
	case len(s.Source) == 0:
		return missing("Source")
	case len(s.DetailType) == 0:
		return missing("DetailType")
	case len(s.Detail) == 0:
		return missing("Detail")
	case bytes.HasPrefix(s.Source, []byte("aws.")):
		return putEntry{Code: "NotAuthorizedForSourceException", Message: "Not authorized for the source."}
	case !s.Time.IsZero() && (s.Time.Year() < 0 || s.Time.Year() > 9999):
		return putEntry{Code: "InvalidArgument", Message: "Parameter Time is not valid. Reason: its year must be 0 to 9999."}
	}
	return putEntry{}
}

// maxJava bounds how much of too many entries an answer shows, in bytes.
const maxJava = 16 << 10

// javaList writes entries as AWS shows those of a request that has too many.
func javaList(entries []entry) string {
	var b strings.Builder
	text := func(name string, value awsapi.Text) {
		b.WriteString(name)
		if value == nil {
			b.WriteString("null")
			return
		}
		b.Write(value[:min(len(value), maxJava)])
	}
	b.WriteByte('[')
	for i := range entries {
		e := &entries[i]
		if b.Len() > maxJava {
			return strings.ToValidUTF8(b.String()[:maxJava], "") + "…"
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("PutEventsRequestEntry(time=")
		if e.Time.IsZero() {
			b.WriteString("null")
		} else {
			b.WriteString(e.Time.Format(time.UnixDate))
		}
		text(", source=", e.Source)
		b.WriteString(", resources=")
		if e.Resources == nil {
			b.WriteString("null")
		} else {
			b.WriteString("[" + strings.Join(e.Resources, ", ") + "]")
		}
		text(", detailType=", e.DetailType)
		text(", detail=", e.Detail)
		text(", eventBusName=", e.BusName)
		text(", traceHeader=", e.TraceHeader)
		b.WriteString(", kmsKeyIdentifier=null, internalMetadata=null)")
	}
	b.WriteByte(']')
	return b.String()
}
