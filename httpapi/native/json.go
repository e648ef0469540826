package native

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/jsontext"
)

// reader reads the JSON of a request, more strictly than encoding/json: names of members count with their case, a member
// given twice is refused, and so is text that is not Unicode (bytes that are no UTF-8, half a surrogate pair), which
// encoding/json replaces without a word. What is refused is named by its path, "attributes.size.type". There is no value
// of arbitrary shape in any request, so nothing recurses and depth needs no limit.
type reader struct {
	data []byte
	at   int
}

const notJSON = "is not valid JSON: "

// unexpected says what is where something else must be.
func (r *reader) unexpected() error {
	if r.at >= len(r.data) {
		return &badRequest{"body", fmt.Sprintf(notJSON+"unexpected end at byte %d", r.at)}
	}
	return &badRequest{"body", fmt.Sprintf(notJSON+"unexpected %q at byte %d", rune(r.data[r.at]), r.at)}
}

// next skips white space and returns the byte that follows, 0 at the end. It stays before that byte.
func (r *reader) next() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// take skips one byte, which must be c.
func (r *reader) take(c byte) error {
	if r.next() != c || r.at >= len(r.data) {
		return r.unexpected()
	}
	r.at++
	return nil
}

// end fails unless nothing is left.
func (r *reader) end() error {
	if r.next(); r.at < len(r.data) {
		return &badRequest{"body", fmt.Sprintf("has something after the JSON object, at byte %d", r.at)}
	}
	return nil
}

// document reads the whole text, which must be an object.
func (r *reader) document(visit func(name string) error) error {
	if r.next() == 0 && r.at >= len(r.data) {
		return &badRequest{"body", emptyBody}
	}
	if err := r.object("", visit); err != nil {
		return err
	}
	return r.end()
}

const emptyBody = "is empty; it must be a JSON object"

// object reads an object: visit is called for each member, and has to read its value.
func (r *reader) object(path string, visit func(name string) error) error {
	if r.next() != '{' {
		return r.wrong(path, "an object")
	}
	r.at++
	if r.next() == '}' {
		r.at++
		return nil
	}
	var few [8]string
	seen := names{list: few[:0]}
	for {
		if r.next() != '"' {
			return r.unexpected()
		}
		text, err := r.quoted("body")
		if err != nil {
			return err
		}
		name := string(text)
		if !seen.add(name) {
			return &badRequest{inside(path, name), "is given twice"}
		}
		if err := r.take(':'); err != nil {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return nil
		default:
			return r.unexpected()
		}
	}
}

// names is a set of the names of an object's members. Most have a handful.
type names struct {
	list []string
	many map[string]bool
}

func (n *names) add(name string) bool {
	if n.many != nil {
		if n.many[name] {
			return false
		}
		n.many[name] = true
		return true
	}
	if slices.Contains(n.list, name) {
		return false
	}
	if n.list = append(n.list, name); len(n.list) > 32 {
		n.many = make(map[string]bool, 2*len(n.list))
		for _, seen := range n.list {
			n.many[seen] = true
		}
	}
	return true
}

// inside is the path of a member. Those of the document itself go by their names alone.
func inside(path, name string) string {
	if name == "" {
		name = `""`
	}
	if path == "" {
		return clip(name)
	}
	return path + "." + clip(name)
}

// clip keeps what a client sent from filling an error message.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// unknown refuses a member.
func unknown(path, name string) error {
	return &badRequest{inside(path, name), "is not a known member"}
}

// wrong says that a value must be something else, or that there is none.
func (r *reader) wrong(path, must string) error {
	var is string
	switch c := r.next(); {
	case c == '{':
		is = "an object"
	case c == '[':
		is = "an array"
	case c == '"':
		is = "a string"
	case c == '-' || c >= '0' && c <= '9':
		is = "a number"
	case r.literal("true"), r.literal("false"):
		is = "a boolean"
	case r.literal("null"):
		is = "null"
	default:
		return r.unexpected()
	}
	if path == "" {
		path, must = "body", "a JSON object"
	}
	return &badRequest{path, "must be " + must + ", not " + is}
}

// literal skips a word if it is next.
func (r *reader) literal(word string) bool {
	r.next()
	if !bytes.HasPrefix(r.data[r.at:], []byte(word)) {
		return false
	}
	r.at += len(word)
	return true
}

// null skips a null, which counts as a member left out.
func (r *reader) null() bool { return r.literal("null") }

// bytes reads a string; nil for null. The result may be a part of the reader's data.
func (r *reader) bytes(path string) ([]byte, error) {
	if r.null() {
		return nil, nil
	}
	if r.next() != '"' {
		return nil, r.wrong(path, "a string")
	}
	return r.quoted(path)
}

// quoted reads the string that is next.
func (r *reader) quoted(path string) (text []byte, err error) {
	text, r.at, err = jsontext.String(r.data, r.at, nil)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, jsontext.ErrUTF8):
		return nil, &badRequest{path, "is not valid UTF-8"}
	case errors.Is(err, jsontext.ErrHalfPair):
		return nil, &badRequest{path, "has half a surrogate pair"}
	}
	return nil, r.unexpected()
}

// text reads a string; null leaves to as it is.
func (r *reader) text(path string, to *string) error {
	b, err := r.bytes(path)
	if err != nil || b == nil {
		return err
	}
	*to = string(b)
	return nil
}

// texts reads an object of strings; null leaves to as it is.
func (r *reader) texts(path string, to *map[string]string) error {
	if r.null() {
		return nil
	}
	all := map[string]string{}
	err := r.object(path, func(name string) error {
		b, err := r.bytes(inside(path, name))
		if err == nil && b == nil {
			err = &badRequest{inside(path, name), "must be a string, not null"}
		}
		all[name] = string(b)
		return err
	})
	*to = all
	return err
}

// list reads an array of strings; null leaves to as it is.
func (r *reader) list(path string, to *[]string) error {
	if r.null() {
		return nil
	}
	if r.next() != '[' {
		return r.wrong(path, "an array")
	}
	r.at++
	all := []string{}
	for r.next() != ']' {
		if len(all) > 0 {
			if err := r.take(','); err != nil {
				return err
			}
		}
		item := fmt.Sprintf("%s[%d]", path, len(all))
		b, err := r.bytes(item)
		if err == nil && b == nil {
			err = &badRequest{item, "must be a string, not null"}
		}
		if err != nil {
			return err
		}
		all = append(all, string(b))
	}
	r.at++
	*to = all
	return nil
}

// boolean reads true or false; null leaves to as it is.
func (r *reader) boolean(path string, to *bool) error {
	switch {
	case r.null():
	case r.literal("true"):
		*to = true
	case r.literal("false"):
		*to = false
	default:
		return r.wrong(path, "true or false")
	}
	return nil
}

// integer reads a whole number; null leaves to as it is.
func (r *reader) integer(path string, to *int) error {
	if r.null() {
		return nil
	}
	number := r.number()
	if number == "" {
		return r.wrong(path, "a whole number")
	}
	n, err := strconv.Atoi(number)
	if err != nil || number[0] == '0' && number != "0" {
		return &badRequest{path, "must be a whole number, not " + clip(number)}
	}
	*to = n
	return nil
}

// number skips what looks like a number, "" if nothing does.
func (r *reader) number() string {
	if c := r.next(); c != '-' && (c < '0' || c > '9') {
		return ""
	}
	start := r.at
	for r.at < len(r.data) && bytes.IndexByte([]byte("+-.0123456789eE"), r.data[r.at]) >= 0 {
		r.at++
	}
	return string(r.data[start:r.at])
}

// duration reads a duration, a string or the bare number 0; null leaves to as it is.
func (r *reader) duration(path string, to *duration.Duration) (given bool, err error) {
	if r.null() {
		return false, nil
	}
	var text string
	if r.next() == '"' {
		err = r.text(path, &text)
	} else if text = r.number(); text != "0" {
		if text == "" {
			return false, r.wrong(path, durationForm)
		}
		return false, &badRequest{path, "must be " + durationForm + ", not a number"}
	}
	if err != nil {
		return false, err
	}
	d, err := parseDuration(path, text)
	*to = d
	return err == nil, err
}

const durationForm = `a duration such as "30s" or "1h30m"`

func parseDuration(path, text string) (duration.Duration, error) {
	d, err := duration.Parse(text)
	if e, ok := errors.AsType[*duration.ParseError](err); ok {
		return 0, &badRequest{path, "is no duration: " + e.Reason}
	}
	return d, err
}
