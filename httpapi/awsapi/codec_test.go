package awsapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// every has a member of each type.
type every struct {
	Name    string
	Body    Text
	Data    Blob
	Count   Int
	Flag    bool
	Perhaps Flag
	When    time.Time
	Names   []string
	Tags    map[string]string
	Pairs   []TextEntry
	Inner   []inner
	Values  []keyed
	Maybe   *inner
	Results []inner
}

func (s *every) Fields(f []Field) []Field {
	return append(f,
		Field{Name: "Name", To: &s.Name, Required: true},
		Field{Name: "Body", To: &s.Body},
		Field{Name: "Data", To: &s.Data},
		Field{Name: "Count", To: &s.Count},
		Field{Name: "Flag", To: &s.Flag},
		Field{Name: "Perhaps", To: &s.Perhaps},
		Field{Name: "When", To: &s.When},
		Field{Name: "Names", Wire: "Name1", To: &s.Names},
		Field{Name: "tags", Wire: "Tag", Key: "Key", Value: "Value", To: &s.Tags},
		Field{Name: "Pairs", Wire: "Pair", To: &s.Pairs},
		Field{Name: "Inner", Wire: "InnerEntry", To: List(&s.Inner)},
		Field{Name: "Values", Wire: "ValueEntry", To: Map(&s.Values)},
		Field{Name: "Maybe", To: Part(&s.Maybe)},
		Field{Name: "Results", To: List(&s.Results), Always: true},
	)
}

type inner struct{ ID string }

func (s *inner) Fields(f []Field) []Field {
	return append(f, Field{Name: "Id", To: &s.ID, Required: true})
}

type keyed struct{ Key, Value string }

func (s *keyed) EntryKey() *string { return &s.Key }

func (s *keyed) Fields(f []Field) []Field { return append(f, Field{Name: "Text", To: &s.Value}) }

func full() every {
	return every{
		Name: "a \"b\" \\ / \u2028 é 😀", Body: Text("line\r\nline\ttab <&>"), Data: Blob{0, 255, 1}, Count: IntOf(-7), Flag: true, Perhaps: FlagOf(false),
		When: time.UnixMilli(1700000000250).UTC(), Names: []string{"x", "y"}, Tags: map[string]string{"k": "v", "a": ""},
		Pairs: []TextEntry{{"z", "1"}, {"b", "2"}}, Inner: []inner{{"1"}, {"2"}}, Values: []keyed{{"n", "t"}}, Maybe: &inner{"m"},
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	want := full()
	var w jsonWriter
	w.shape(&want)
	if !json.Valid(w.b) {
		t.Fatalf("not JSON: %s", w.b)
	}
	var got every
	if err := new(jsonReader).readJSON(bytes.Clone(w.b), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(w.b, []byte(`"Results":[]`)) || bytes.Contains(w.b, []byte("null")) {
		t.Errorf("a list that is always there is missing, or there is a null: %s", w.b)
	}
}

func TestJSONOfNothing(t *testing.T) {
	t.Parallel()
	var w jsonWriter
	w.shape(&every{})
	if got, want := string(w.b), `{"Flag":false,"Results":[]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, body := range []string{"", " \n", "{}", `{"Name":null,"Inner":[null],"tags":{"a":null},"Values":null,"other":[{"x":1e-5}]}`} {
		var got every
		if err := new(jsonReader).readJSON([]byte(body), &got); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if got.Name != "" || len(got.Inner) != 0 || len(got.Tags) != 0 {
			t.Errorf("%q: %+v", body, got)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"Name":1}`:                       "Name must be a string",
		`{"Name":"a"`:                      "the body ends in the midst of its JSON",
		`{"Name":"a",}`:                    "the body is not valid JSON at byte 12",
		`{"Name":"a"} x`:                   "the body is not valid JSON at byte 13",
		`{"Name":tru}`:                     "the body is not valid JSON at byte 8",
		`[]`:                               "the body must be an object",
		`{"Count":"1"}`:                    "Count must be a whole number",
		`{"Count":1.5}`:                    "Count must be a whole number",
		`{"Count":01}`:                     "the body is not valid JSON at byte 10",
		`{"Count":1e999}`:                  "Count must be a whole number",
		`{"Flag":"true"}`:                  "Flag must be true or false",
		`{"Data":"$$"}`:                    "Data must be base64",
		`{"Names":"x"}`:                    "Names must be a list",
		`{"Names":[1]}`:                    "Names must be a string",
		`{"tags":[]}`:                      "tags must be an object",
		`{"Inner":[{"Id":3}]}`:             "Inner.Id must be a string",
		`{"Values":{"a":{"Text":[]}}}`:     "Values.Text must be a string",
		`{"When":"x"}`:                     "When must be a number of seconds since 1970",
		"{\"Name\":\"a\nb\"}":              "the body is not valid JSON at byte 10",
		"{\"Name\":\"\xff\"}":              "the body is not valid UTF-8",
		`{"Name":"\ud800"}`:                "the body has half a surrogate pair in a string",
		`{"Name":"\ud800\u12"}`:            "the body has half a surrogate pair in a string",
		`{"Name":"\q"}`:                    "the body is not valid JSON at byte 10",
		`{"Name":"\u12"}`:                  "the body is not valid JSON at byte 13",
		`{"x":` + strings.Repeat("[", 100): "the body nests too deeply",
		`{"Inner":[` + strings.Repeat("{},", 20_000):                    "the objects and lists of the body have more than 10,000 elements together",
		`{"Inner":[` + strings.Repeat(`{"x":[1,2,3,4,5,6,7,8]},`, 2000): "the objects and lists of the body have more than 10,000 elements together",
		`{` + strings.Repeat(`"a":1,`, 20_000):                          "the objects and lists of the body have more than 10,000 elements together",
		`{"x":` + strings.Repeat(`{"a":`, 90):                           "the body nests too deeply",
	} {
		err := new(jsonReader).readJSON([]byte(body), &every{})
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", body, err, want)
		}
	}
}

// form writes a shape as Query parameters would, flattened or not.
func form(values ...string) string {
	v := url.Values{}
	for i := 0; i < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	return v.Encode()
}

func TestQueryReadsBothForms(t *testing.T) {
	t.Parallel()
	want := every{
		Name: "a&b=c +", Body: Text("x\r\n"), Data: Blob("hi"), Count: IntOf(12), Flag: true, Perhaps: FlagOf(true), When: time.UnixMilli(1700000000000).UTC(),
		Names: []string{"first", "second", "third"}, Tags: map[string]string{"k": "v"}, Pairs: []TextEntry{{"p", "q"}},
		Inner: []inner{{"1"}, {"2"}}, Values: []keyed{{"n", "t"}}, Maybe: &inner{"m"},
	}
	common := []string{
		"Name", "a&b=c +", "Body", "x\r\n", "Data", "aGk=", "Count", "12", "Flag", "true", "Perhaps", "true", "When", "2023-11-14T22:13:20Z", "Maybe.Id", "m",
	}
	flat := append([]string{
		"Name1.10", "third", "Name1.2", "second", "Name1.1", "first", "Tag.1.Key", "k", "Tag.1.Value", "v", "Pair.1.Name", "p", "Pair.1.Value", "q",
		"InnerEntry.1.Id", "1", "InnerEntry.3.Id", "2", "ValueEntry.1.Name", "n", "ValueEntry.1.Value.Text", "t",
	}, common...)
	nested := append([]string{
		"Names.member.10", "third", "Names.member.2", "second", "Names.member.1", "first", "tags.entry.1.key", "k", "tags.entry.1.value", "v",
		"Pairs.entry.1.key", "p", "Pairs.entry.1.value", "q", "Inner.member.1.Id", "1", "Inner.member.3.Id", "2",
		"Values.entry.1.Name", "n", "Values.entry.1.Value.Text", "t",
	}, common...)
	for name, parameters := range map[string][]string{"flat": flat, "nested": nested} {
		root, err := parseForm(form(parameters...))
		if err != nil {
			t.Fatal(err)
		}
		var got every
		if err := readQuery(root, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestQueryListOfOne(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][]string{
		"Name1=x": {"x"}, "Names=x": {"x"}, "Name1=": nil, "Name1=x&Name1.1=y": {"x", "y"},
	} {
		root, err := parseForm(query)
		if err != nil {
			t.Fatal(err)
		}
		var got every
		if err := readQuery(root, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Names); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"Count=x":                        "Count must be a whole number",
		"Flag=yes":                       "Flag must be true or false",
		"Perhaps=1":                      "Perhaps must be true or false",
		"Data=%24":                       "Data must be base64",
		"When=now":                       "When must be a time in ISO 8601",
		"Name=%zz":                       "a parameter is not well escaped",
		"Tag.1.Value=v":                  "Tag has an entry without a Key",
		strings.Repeat("a.", 100) + "=x": "the name of a parameter is nested too deeply",
		strings.Repeat("a=1&", 20_000):   "the request has too many parameters",
	} {
		root, err := parseForm(query)
		if err == nil {
			err = readQuery(root, &every{})
		}
		if err == nil || err.Error() != want {
			t.Errorf("%.40s\n got %v\nwant %s", query, err, want)
		}
	}
}

func TestMissingNamesThePlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    every
		want string
	}{
		{every{}, "Name"},
		{every{Name: "n"}, ""},
		{every{Name: "n", Inner: []inner{{"1"}, {""}}}, "InnerEntry.2.Id"},
		{every{Name: "n", Maybe: &inner{}}, "Maybe.Id"},
	} {
		if got := missing(&c.s, "", nil); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.s, got, c.want)
		}
	}
}

func TestXML(t *testing.T) {
	t.Parallel()
	s := full()
	flat := xmlWriter{flat: true}
	flat.members(&s)
	nested := xmlWriter{}
	nested.members(&s)
	for _, c := range []struct{ got, want string }{
		{string(flat.b), "<Name1>x</Name1><Name1>y</Name1>"},
		{string(flat.b), "<Tag><Key>a</Key><Value></Value></Tag><Tag><Key>k</Key><Value>v</Value></Tag>"},
		{string(flat.b), "<ValueEntry><Name>n</Name><Value><Text>t</Text></Value></ValueEntry>"},
		{string(flat.b), "<Body>line&#xD;\nline\ttab &lt;&amp;&gt;</Body>"},
		{string(flat.b), "a &quot;b&quot; "},
		{string(nested.b), "<Names><member>x</member><member>y</member></Names>"},
		{string(nested.b), "<tags><entry><Key>a</Key><Value></Value></entry>"},
		{string(nested.b), "<Inner><member><Id>1</Id></member><member><Id>2</Id></member></Inner>"},
		{string(nested.b), "<When>2023-11-14T22:13:20.250Z</When>"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s\n lacks %s", c.got, c.want)
		}
	}
}

// wellFormed reads XML to its end.
func wellFormed(b []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := dec.Token(); err == io.EOF { //nolint:errorlint // the contract of Token
			return nil
		} else if err != nil {
			return err
		}
	}
}

// FuzzJSON reads any bytes. What is accepted is JSON, and comes out again as it went in.
func FuzzJSON(f *testing.F) {
	s := full()
	var w jsonWriter
	w.shape(&s)
	f.Add(w.b)
	f.Add([]byte(`{"Name":"\u00e9\ud83d\ude00\n","Count":-1e2,"x":[1.5e-7,true,null,{"y":{}}]}`))
	f.Add([]byte(`{"Inner":[null,{}],"Values":{"a":{"Text":"b"},"a":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got every
		if err := new(jsonReader).readJSON(bytes.Clone(data), &got); err != nil {
			return
		}
		if len(bytes.TrimSpace(data)) > 0 && !json.Valid(data) {
			t.Fatalf("accepted what is no JSON: %q", data)
		}
		var w jsonWriter
		w.shape(&got)
		if !json.Valid(w.b) {
			t.Fatalf("wrote what is no JSON: %q", w.b)
		}
		var again every
		if err := new(jsonReader).readJSON(bytes.Clone(w.b), &again); err != nil {
			t.Fatalf("does not read what it wrote: %v: %q", err, w.b)
		}
		var w2 jsonWriter
		w2.shape(&again)
		if !bytes.Equal(w.b, w2.b) {
			t.Fatalf("wrote %q, then %q", w.b, w2.b)
		}
		for _, flat := range []bool{true, false} {
			x := xmlWriter{flat: flat, b: []byte("<x>")}
			x.members(&got)
			x.close("x")
			if err := wellFormed(x.b); err != nil {
				t.Fatalf("wrote XML that is not well formed: %v: %q", err, x.b)
			}
		}
	})
}

// FuzzQuery reads any form.
func FuzzQuery(f *testing.F) {
	f.Add("Action=SendMessage&Version=2012-11-05&Name=a%20b&Name1.1=x&Tag.1.Key=k&Tag.1.Value=v&Maybe.Id=1")
	f.Add("InnerEntry.1.Id=x&InnerEntry.0.Id=y&InnerEntry.-1.Id=z&InnerEntry.99999999999999999999.Id=w&ValueEntry.1.Name=n")
	f.Add("a=&&=&=b&..=c&Count=9223372036854775808")
	f.Fuzz(func(t *testing.T, query string) {
		root, err := parseForm(query)
		if err != nil {
			return
		}
		var got every
		if err := readQuery(root, &got); err != nil {
			return
		}
		var w jsonWriter
		w.shape(&got)
		if !json.Valid(w.b) {
			t.Fatalf("wrote what is no JSON: %q", w.b)
		}
		if utf8.ValidString(got.Name) && got.Name != "" && !bytes.Contains(w.b, []byte(`"Name":`)) {
			t.Fatalf("lost the name: %q", w.b)
		}
	})
}
