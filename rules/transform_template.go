package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// segment is literal text followed by one inserted value.
type segment struct {
	text string
	form valueForm
	what reserved // what to insert: a reserved variable, or
	slot int      // the variable in this slot
}

// valueForm is how a value is written, decided by where its placeholder stands.
type valueForm uint8

const (
	formNone   valueForm = iota // text only: the end of the template
	formValue                   // a JSON value: {"a": <v>}
	formKey                     // the name of a member: {<v>: 1}
	formQuoted                  // inside a string of a JSON template: {"a": "b <v>"}
	formFlat                    // inside a quoted line of a string template: "a <v>"
)

type reserved uint8

const (
	notReserved reserved = iota
	reservedRuleARN
	reservedRuleName
	reservedIngestionTime
	reservedEvent     // the event without its detail
	reservedEventJSON // the whole event
)

const reservedPrefix = "aws."

func reservedByName(name string) reserved {
	switch name {
	case "aws.events.rule-arn":
		return reservedRuleARN
	case "aws.events.rule-name":
		return reservedRuleName
	case "aws.events.event.ingestion-time":
		return reservedIngestionTime
	case "aws.events.event":
		return reservedEvent
	case "aws.events.event.json":
		return reservedEventJSON
	}
	return notReserved
}

func (c *CompiledTransform) compileTemplate(template string, paths map[string]*Path, bad badFunc, unknown func(name, reason string)) {
	if n := utf8.RuneCountInString(template); n > MaxTemplate {
		bad("template", "has %d characters, the limit is %d", n, MaxTemplate)
		return
	}
	if !utf8.ValidString(template) {
		bad("template", "is not valid UTF-8")
		return
	}
	// White space around it is never part of the result: YAML's block scalars end in a line feed.
	trimmed := strings.Trim(template, " \t\r\n")
	t := templateCompiler{
		CompiledTransform: c,
		in:                trimmed,
		offset:            strings.Index(template, trimmed),
		whole:             template,
		paths:             paths,
		bad:               bad,
		unknown:           unknown,
	}
	switch {
	case trimmed == "":
		bad("template", "is blank")
	case trimmed[0] == '"':
		t.lines()
	default:
		t.json()
	}
}

// templateCompiler cuts a template into segments. On the way it builds the skeleton, which is the
// template with every placeholder filled in, so that one check of the skeleton when the rule is
// loaded shows that every result will be JSON.
type templateCompiler struct {
	*CompiledTransform
	in     string
	offset int    // of in within whole, for positions in messages
	whole  string // as the user wrote it
	paths  map[string]*Path
	bad    badFunc
	// unknown is told of placeholders that stand for nothing.
	unknown func(name, reason string)

	text     []byte // literal text since the last placeholder
	skeleton []byte
	origin   []int // the place in in of each byte of skeleton
}

// place is a position for people: the character within the template, from 1.
func (t *templateCompiler) place(i int) int {
	return utf8.RuneCountInString(t.whole[:t.offset+i]) + 1
}

func (t *templateCompiler) literal(i int, keep bool) {
	if keep {
		t.text = append(t.text, t.in[i])
	}
	t.skeleton = append(t.skeleton, t.in[i])
	t.origin = append(t.origin, i)
}

func (t *templateCompiler) finish() {
	if len(t.text) > 0 {
		t.segments = append(t.segments, segment{text: string(t.text)})
	}
}

// json compiles a template that is JSON once its placeholders are filled in. White space between
// its tokens is left out of the result.
func (t *templateCompiler) json() {
	inString := false
	for i := 0; i < len(t.in); {
		c := t.in[i]
		if c == '<' {
			if name, n := placeholder(t.in[i:]); n > 0 {
				switch {
				case inString:
					t.insert(i, name, formQuoted)
				case strings.HasPrefix(strings.TrimLeft(t.in[i+n:], " \t\r\n"), ":"):
					t.insert(i, name, formKey)
				default:
					t.insert(i, name, formValue)
				}
				if !inString {
					t.skeleton = append(t.skeleton, `""`...)
					t.origin = append(t.origin, i, i)
				}
				i += n
				continue
			}
		}
		switch {
		case !inString:
			inString = c == '"'
			t.literal(i, !jsonSpace(c))
		case c == '\\' && i+1 < len(t.in):
			t.literal(i, true)
			i++
			t.literal(i, true)
		default:
			inString = c != '"'
			t.literal(i, true)
		}
		i++
	}
	t.finish()
	t.checkSkeleton("")
}

// lines compiles a string template: one quoted line, or several, delivered with their quotes.
func (t *templateCompiler) lines() {
	count := 0
	for start := 0; start < len(t.in); {
		end := len(t.in)
		if n := strings.IndexByte(t.in[start:], '\n'); n >= 0 {
			end = start + n + 1
		}
		if t.line(start, end) {
			count++
		}
		start = end
	}
	t.finish()
	t.isJSON = count == 1
}

func (t *templateCompiler) line(start, end int) (counts bool) {
	content := strings.TrimRight(t.in[start:end], " \t\r\n")
	t.skeleton, t.origin = t.skeleton[:0], t.origin[:0]
	for i := start; i < end; {
		if name, n := placeholder(t.in[i:end]); n > 0 {
			t.insert(i, name, formFlat)
			i += n
			continue
		}
		t.literal(i, true)
		i++
	}
	if content == "" {
		return false
	}
	trimmed := strings.TrimLeft(content, " \t\r")
	if len(trimmed) < 2 || trimmed[0] != '"' || trimmed[len(trimmed)-1] != '"' {
		t.bad("template", "begins with a quote, so each of its lines must be wrapped in quotes: the line at character %d is not", t.place(start))
		return true
	}
	t.checkSkeleton("has a line that ")
	return true
}

// checkSkeleton reports where the skeleton is not JSON.
func (t *templateCompiler) checkSkeleton(subject string) {
	var filled json.RawMessage
	err := json.Unmarshal(t.skeleton, &filled)
	if err == nil {
		return
	}
	at := len(t.in)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if i := int(syntax.Offset) - 1; i >= 0 && i < len(t.origin) && syntax.Error() != "unexpected end of JSON input" {
			at = t.origin[i]
		}
	}
	hint := ""
	if subject == "" && !strings.ContainsAny(t.in[:1], `{["<`) {
		hint = ` (a template is JSON with placeholders, or text wrapped in quotes: "…")`
	}
	t.bad("template", "%sis not valid JSON once its placeholders are filled in: %s at character %d%s",
		subject, strings.TrimSuffix(err.Error(), " in JSON input"), t.place(at), hint)
}

// placeholder reads <name> at the start of in and returns the length of it, 0 if there is none: a <
// that begins no name is text.
func placeholder(in string) (name string, length int) {
	if in[0] != '<' {
		return "", 0
	}
	for i := 1; i < len(in); i++ {
		c := in[i]
		switch {
		case c == '>' && i > 1:
			return in[1:i], i + 1
		case nameByte(c), c == '.', c == '$', c == '[', c == ']', c == '*' && in[1] == '$':
		default:
			return "", 0
		}
	}
	return "", 0
}

// insert ends the literal text at the placeholder at i.
func (t *templateCompiler) insert(i int, name string, form valueForm) {
	seg := segment{text: string(t.text), form: form}
	t.text = t.text[:0]
	unknown := func(hint string) {
		t.unknown(name, fmt.Sprintf("has the unknown placeholder <%s> at character %d%s", name, t.place(i), hint))
	}
	path, defined := t.paths[name]
	switch {
	case strings.HasPrefix(name, reservedPrefix):
		seg.what = reservedByName(name)
		switch seg.what {
		case notReserved:
			unknown(": the reserved ones are aws.events.rule-arn, .rule-name, .event, .event.json and .event.ingestion-time")
		case reservedEvent, reservedEventJSON:
			if form != formValue {
				t.bad("template", "has <%s> at character %d, where it can not be: it is an object and only goes where a JSON value does, without quotes", name, t.place(i))
			}
		}
	case defined:
		seg.slot = t.slotOf(name, path)
	case strings.HasPrefix(name, "$"):
		unknown(": give the path a name under paths")
	default:
		unknown(fmt.Sprintf(": paths has no %s", name))
	}
	t.segments = append(t.segments, seg)
}

// slotOf gives each variable that is used one slot. path is nil for one whose path was bad.
func (t *templateCompiler) slotOf(name string, path *Path) int {
	for i := range t.slots {
		if t.slots[i].name == name {
			return i
		}
	}
	s := slot{name: name}
	if path != nil {
		s.list = path.isList()
		t.root.add(path.steps, len(t.slots))
	}
	t.slots = append(t.slots, s)
	return len(t.slots) - 1
}
