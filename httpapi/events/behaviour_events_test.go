package events_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// badEntries are entries that fail alone, each with what is told.
func badEntries() map[string]string {
	missing := func(name string) string {
		return "InvalidArgument Parameter " + name + " is not valid. Reason: " + name + " is a required argument."
	}
	const malformed = "MalformedDetail Detail is malformed."
	bad := map[string]string{
		`{"DetailType":"t","Detail":"{}"}`:               missing("Source"),
		`{"Source":"","DetailType":"t","Detail":"{}"}`:   missing("Source"),
		`{"Source":null,"DetailType":"t","Detail":"{}"}`: missing("Source"),
		`{"Source":"s","Detail":"{}"}`:                   missing("DetailType"),
		`{"Source":"s","DetailType":"","Detail":"{}"}`:   missing("DetailType"),
		`{"Source":"s","DetailType":"t"}`:                missing("Detail"),
		`{"Source":"s","DetailType":"t","Detail":""}`:    missing("Detail"),
		`{}`: missing("Source"),
		`{"Source":"aws.s3","DetailType":"t","Detail":"{}"}`:                        "NotAuthorizedForSourceException Not authorized for the source.",
		`{"Source":"aws.","DetailType":"t","Detail":"{}"}`:                          "NotAuthorizedForSourceException Not authorized for the source.",
		`{"Source":"s","DetailType":"t","Detail":"{}","Time":-90000000000}`:         "InvalidArgument Parameter Time is not valid. Reason: its year must be 0 to 9999.",
		`{"Source":"s","DetailType":"t","Detail":` + awstest.Quoted(nested()) + `}`: malformed,
	}
	for _, detail := range []string{
		`x`, `"x"`, `1`, `null`, `true`, `[]`, `[{}]`, `{`, `{}}`, `{} {}`, `{"a":}`, `{'a':1}`, `{"a":01}`, `{"a":"\ud800x"`, "{\"a\":\"\n\"}", ` `, `{"a":1,}`,
	} {
		bad[`{"Source":"s","DetailType":"t","Detail":`+awstest.Quoted(detail)+`}`] = malformed
	}
	return bad
}

// nested is a detail that nests deeper than any event may.
func nested() string { return strings.Repeat(`{"a":`, 1001) + `1` + strings.Repeat(`}`, 1001) }

// TestBadEntries fail alone: those before and behind them are published.
func TestBadEntries(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.rule("default", "r", `{"source":[{"prefix":""}]}`, "q")
	n := 0
	for input, want := range badEntries() {
		out := e.put(entry(), input, entry())
		n += 2
		if got := out.Entries[1].ErrorCode + " " + out.Entries[1].ErrorMessage; got != want || out.Entries[0].EventID == "" || out.Entries[2].EventID == "" {
			t.Errorf("%s is answered with %+v, want %s", awstest.Short(input), out.Entries, want)
		}
	}
	if got := len(e.messages("q")); got != n {
		t.Errorf("%d events arrived, %d were put", got, n)
	}
}

func TestGoodEntries(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.OK("CreateEventBus", `{"Name":"b"}`)
	e.rule("default", "r", `{"source":[{"prefix":""}]}`, "q")
	e.rule("b", "r", `{"source":[{"prefix":""}]}`, "q")
	const defaults = `{"version":"0","id":"ID","detail-type":"t","source":"s","account":"000000000000","time":"TIME","region":"us-east-1","resources":[],"detail":{}}`
	replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(defaults) }
	for _, c := range []struct{ entry, want string }{
		{`{"Source":"s","DetailType":"t","Detail":"{}"}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":" { \"b\" : [ 1.0 , 2 ] , \"a\" : \"x y\", \"a\": null } "}`, replaced(`{}`, `{"b":[1.0,2],"a":"x y","a":null}`)},
		{`{"Source":"s","DetailType":"t","Detail":"{}","Time":1700000000.9}`, replaced("TIME", "2023-11-14T22:13:20Z")},
		{`{"Source":"s","DetailType":"t","Detail":"{}","Time":0}`, replaced("TIME", "1970-01-01T00:00:00Z")},
		{`{"Source":"s","DetailType":"t","Detail":"{}","Time":-0.5}`, replaced("TIME", "1969-12-31T23:59:59Z")},
		{`{"Source":"s","DetailType":"t","Detail":"{}","Resources":["a","b \"c\""]}`, replaced(`[]`, `["a","b \"c\""]`)},
		{`{"Source":"awsx \u0001é","DetailType":"a\nb","Detail":"{\"\u00e9\":\"\\u00e9\"}"}`, replaced(`"s"`, `"awsx \u0001é"`, `"t"`, `"a\nb"`, `{}`, `{"é":"\u00e9"}`)},
		{`{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"default"}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":""}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"b"}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"arn:aws:events:us-east-1:000000000000:event-bus/b"}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"arn:aws-cn:events:us-east-1:000000000000:event-bus/default"}`, defaults},
		{`{"Source":"s","DetailType":"t","Detail":"{}","Unknown":{"a":[1]}}`, defaults},
	} {
		before := len(e.messages("q"))
		now := time.Now().UTC().Truncate(time.Second)
		out := e.put(c.entry)
		after := time.Now()
		messages := e.messages("q")
		if len(messages) != before+1 {
			t.Errorf("%s: %d messages came, answered %+v", c.entry, len(messages)-before, out)
			continue
		}
		got := string(messages[before].Body)
		want := strings.Replace(c.want, "ID", out.Entries[0].EventID, 1)
		arrived := false // with any second from before to after
		for ; !arrived && !now.After(after); now = now.Add(time.Second) {
			arrived = got == strings.Replace(want, "TIME", now.Format(time.RFC3339), 1)
		}
		if !arrived {
			t.Errorf("%s\narrived as %s\nwant       %s", c.entry, got, want)
		}
		if _, err := event.IDTime(out.Entries[0].EventID); err != nil {
			t.Error(err)
		}
	}
}

// TestEntriesOfSeveralBuses are answered in their order, and arrive in it.
func TestEntriesOfSeveralBuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, name := range []string{"a", "b"} {
		e.queue(name)
		e.OK("CreateEventBus", `{"Name":"`+name+`"}`)
		e.rule(name, "r", `{"source":["shop"]}`, name)
	}
	bus := func(name string) string { return `"EventBusName":"` + name + `"` }
	out := e.put(entry(bus("a")), entry(bus("b")), entry(bus("nowhere")), entry(bus("a")), `{}`, entry(bus("b")), entry(bus(arn("event-bus/a"))))
	var failed []int
	for i, answer := range out.Entries {
		if answer.ErrorCode != "" {
			failed = append(failed, i)
		}
	}
	if !slices.Equal(failed, []int{4}) {
		t.Errorf("%v failed", failed)
	}
	for name, at := range map[string][]int{"a": {0, 3, 6}, "b": {1, 5}} {
		var want, got []string
		for _, i := range at {
			want = append(want, out.Entries[i].EventID)
		}
		for _, m := range e.messages(name) {
			ev, err := event.Parse(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ev.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("queue %s has %v, want %v", name, got, want)
		}
	}
}

// TestEntriesOfOtherAccounts keep the account and region of who put them.
func TestEntriesOfOtherAccounts(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.rule("default", "r", `{"source":["shop"]}`, "q")
	e.OK("PutEvents", putEvents(entry(`"EventBusName":"`+arn("event-bus/default")+`"`)), awstest.Signed("events", other, "eu-west-1")...)
	e.OK("PutEvents", putEvents(entry()), awstest.Signed("events", other, "eu-west-1")...) // theirs
	messages := e.messages("q")
	if len(messages) != 1 || !strings.Contains(string(messages[0].Body), `"account":"`+other+`"`) || !strings.Contains(string(messages[0].Body), `"region":"eu-west-1"`) {
		t.Errorf("arrived: %+v", messages)
	}
}

func TestRequestsOfPutEvents(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const (
		invalid = "ValidationException"
		tooMany = `PutEventsRequestEntry(time=null, source=shop, resources=[a, b], detailType=t, detail={"a":1}, eventBusName=b, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)`
		large   = "Total size of the entries in the request is over the limit."
	)
	eleven := slices.Repeat([]string{entry(`"Resources":["a","b"]`, `"EventBusName":"b"`)}, 11)
	e.Refuse("PutEvents", putEvents(eleven...), invalid,
		"1 validation error detected: Value '["+strings.Join(slices.Repeat([]string{tooMany}, 11), ", ")+"]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10")
	e.Refuse("PutEvents", `{"Entries":[]}`, invalid, "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1")
	e.Refuse("PutEvents", `{"Entries":[`+entry()+`],"EndpointId":"a.b"}`, invalid, "Parameter EndpointId is not supported: the router has no global endpoints.")
	for _, value := range []string{"a/b", "a b", "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:events:us-east-1:000000000000:rule/r", "arn:aws:events:us-east-1:1:event-bus/b"} {
		e.Refuse("PutEvents", putEvents(entry(), entry(`"EventBusName":"`+value+`"`)), invalid,
			`1 validation error detected: Value '`+value+`' at 'entries.2.member.eventBusName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+`)
	}
	// The size of an entry is 14 for its time, and all its texts.
	sized := func(n int, more ...string) string {
		return `{` + strings.Join(append([]string{`"Source":"s","DetailType":"t","Detail":"{\"a\":\"` + strings.Repeat("x", n-10) + `\"}"`}, more...), ",") + `}`
	}
	most := event.MaxSize
	e.put(sized(most))
	e.put(sized(most-14, `"Time":1`))
	e.put(sized(most-3, `"Resources":["a","bc"]`))
	e.put(sized(most/2), sized(most/2))
	for _, body := range []string{putEvents(sized(most + 1)), putEvents(sized(most-13, `"Time":1`)), putEvents(sized(most-2, `"Resources":["a","bc"]`)), putEvents(sized(most/2), sized(most/2+1))} {
		e.Refuse("PutEvents", body, invalid, large)
	}
}

// TestFaultsOfTheStore are told of the entries of the bus at fault.
func TestFaultsOfTheStore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.put(entry())
	for _, c := range []struct {
		fault      error
		code, text string
	}{
		{fmt.Errorf("no room: %w", queue.ErrStoreFull), "ThrottlingException", "The store is full: receive and delete messages to make room."},
		{queue.ErrStoreClosed, "InternalFailure", "The store has stopped."},
		{queue.ErrUnavailable, "InternalFailure", "The store can not be reached."},
		{awstest.ErrSecret, "InternalFailure", "The request failed because of a fault of the router. Its log has the cause under this request's id."},
	} {
		e.Store.Fail(c.fault)
		out := e.put(entry(), `{}`, entry(`"EventBusName":"nowhere"`))
		e.Store.Fail(nil)
		if got := out.Entries[0]; got.ErrorCode != c.code || got.ErrorMessage != c.text || out.Entries[1].ErrorCode != "InvalidArgument" || out.Entries[2].EventID == "" {
			t.Errorf("%v is answered with %+v", c.fault, out.Entries)
		}
	}
	if log := e.Log.String(); strings.Count(log, "secret") != 1 || !strings.Contains(log, awstest.RequestID) {
		t.Errorf("logged %s", log)
	}
}

// TestTraces go along, those of entries before that of the request.
func TestTraces(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.rule("default", "r", `{"source":["shop"]}`, "q")
	trace := func(m *queue.Message) string {
		for _, a := range m.System {
			if a.Name == "AWSTraceHeader" {
				return string(a.Value)
			}
		}
		return ""
	}
	e.put(entry(), `{}`, entry(`"TraceHeader":"Root=1"`))
	e.OK("PutEvents", putEvents(entry(), entry(`"TraceHeader":"Root=2"`)), append(e.Header, "X-Amzn-Trace-Id", "Root=3")...)
	e.OK("PutEvents", putEvents(entry()), append(e.Header, "X-Amzn-Trace-Id", strings.Repeat("x", 501))...)
	var got []string
	for _, m := range e.messages("q") {
		got = append(got, trace(&m))
	}
	if want := []string{"", "Root=1", "Root=3", "Root=2", ""}; !slices.Equal(got, want) {
		t.Errorf("the traces are %q, want %q", got, want)
	}
}

// TestTooManyDeliveries fail alone what is at fault.
func TestTooManyDeliveries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes gigabytes")
	}
	e := newEnv(t)
	e.queue("q")
	for r := range 3 {
		e.rule("default", fmt.Sprint("r", r), `{"detail-type":["big"]}`)
		targets := make([]string, 100)
		for i := range targets {
			targets[i] = fmt.Sprintf(`"Id":"%d","Arn":"%s"`, i, queueARN("q"))
		}
		e.OK("PutTargets", putTargets("default", fmt.Sprint("r", r), targets...))
	}
	big := `{"Source":"s","DetailType":"big","Detail":"{\"a\":\"` + strings.Repeat("x", 1<<20-100) + `\"}"}`
	out := e.put(`{"Source":"s","DetailType":"t","Detail":"{}"}`, big, `{"Source":"s","DetailType":"t","Detail":"{}"}`)
	if got := out.Entries; got[0].EventID == "" || got[2].EventID == "" || got[1].ErrorCode != "InvalidArgument" || !strings.Contains(got[1].ErrorMessage, "bytes of deliveries") {
		t.Errorf("answered %+v", got)
	}
}

func TestTestEventPattern(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const whole = `{"id":"1","account":"a","source":"shop","time":"t","region":"r","resources":[],"detail-type":"d","detail":{"n":5}}`
	test := func(pattern, event string) string {
		return `{"EventPattern":` + awstest.Quoted(pattern) + `,"Event":` + awstest.Quoted(event) + `}`
	}
	for pattern, want := range map[string]string{
		`{"source":["shop"]}`: `{"Result":true}`, `{"source":["SHOP"]}`: `{"Result":false}`, `{"detail":{"n":[{"numeric":["=",5.0]}]}}`: `{"Result":true}`,
	} {
		if got := e.OK("TestEventPattern", test(pattern, whole)).Body; got != want {
			t.Errorf("%s: %s", pattern, got)
		}
	}
	for _, event := range []string{``, `x`, `1`, `"x"`, `[]`, `{}`, `{"id":"1"}`, strings.Replace(whole, `"region"`, `"other"`, 1), whole + `x`} {
		e.Refuse("TestEventPattern", test(`{"source":["shop"]}`, event), "ValidationException", "Parameter Event is not valid.")
	}
	for pattern, told := range map[string]string{
		`1`:                       "Event pattern is not valid. Reason: Filter is not an object",
		`{"source":[]}`:           "Event pattern is not valid. Reason: Empty arrays are not allowed",
		`{"source":"shop"}`:       `Event pattern is not valid. Reason: "source" must be an object or an array`,
		`{"a":[{"EXISTS":true}]}`: "Event pattern is not valid. Reason: Unrecognized match type EXISTS",
	} {
		a := e.Call("TestEventPattern", test(pattern, whole))
		if a.Shape != "InvalidEventPatternException" || !strings.HasPrefix(a.Message, told+"\n at [Source: (String)\""+pattern+"\"; line: 1, column: ") {
			t.Errorf("%s: %s", pattern, a.Body)
		}
	}
}

// TestRegions of any name have buses.
func TestRegions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	header := awstest.Signed("events", other, "local")
	e.OK("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`, header...)
	if got := e.OK("DescribeRule", `{"Name":"r","EventBusName":"arn:aws:events:local:`+other+`:event-bus/default"}`).Body; !strings.Contains(got, `"Arn":"arn:aws:events:local:`+other+`:rule/r"`) {
		t.Error(got)
	}
	if _, err := e.rules.Rule(t.Context(), catalog.Name{Account: other, Region: "local", Name: "default"}, "r"); err != nil {
		t.Error(err)
	}
}
