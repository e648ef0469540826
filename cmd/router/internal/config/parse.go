package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 8 << 20

// parse returns the root node of the document, nil if there is nothing in it.
func parse(file string, data []byte) (*yaml.Node, *Error) {
	fail := func(line, column int, format string, args ...any) *Error {
		return &Error{File: file, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
	}
	if len(data) > MaxSize {
		return nil, fail(1, 1, "the file has %d bytes, the limit is %d", len(data), MaxSize)
	}
	if at, what := unreadable(data); what != "" {
		line, column := position(data, at)
		return nil, fail(line, column, "%s", what)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		err = dec.Decode(&second)
		if err == nil {
			return nil, fail(second.Line, second.Column, "a second document begins here; the file must be one document")
		}
	}
	if !errors.Is(err, io.EOF) {
		line, column, message := syntaxError(data, err)
		return nil, fail(line, column, "%s", message)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

// unreadable finds bytes that YAML does not allow, for which the parser gives no position.
func unreadable(data []byte) (at int, what string) {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, "is not UTF-8"
		case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return i, fmt.Sprintf("the control character U+%04X is not allowed in YAML", r)
		}
		i += size
	}
	return 0, ""
}

func position(data []byte, at int) (line, column int) {
	before := data[:at]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[begin:]) + 1
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func splitYAMLError(err error) (line int, message string) {
	m := yamlError.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	return line, m[2]
}

// inGrammar are the parser's errors (not the scanner's), whose line numbers begin at 0 and are those of the collection
// that the error is in.
var inGrammar = regexp.MustCompile(`^did not find expected (<|node |key|'-' |',' )|^found (undefined tag handle|duplicate %|incompatible YAML)`)

// syntaxError makes more of the parser's error, which has a line at most, and often one before that of the mistake.
func syntaxError(data []byte, err error) (line, column int, message string) {
	line, message = splitYAMLError(err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	if inGrammar.MatchString(message) {
		line++
	}
	switch {
	case message == "did not find expected key" || message == "did not find expected '-' indicator":
		// The line is where the collection begins. Of the shorter texts, those that hold the mistake fail in the same way.
		from := min(max(line, 1), len(lines))
		line = from + sort.Search(len(lines)-from, func(n int) bool {
			shorter := yaml.Unmarshal(bytes.Join(lines[:from+n], nil), new(yaml.Node))
			if shorter == nil {
				return false
			}
			_, m := splitYAMLError(shorter)
			return m == message
		})
	case strings.HasPrefix(message, "unknown anchor '"):
		name, _, _ := strings.Cut(strings.TrimPrefix(message, "unknown anchor '"), "'")
		if at := bytes.Index(data, []byte("*"+name)); at >= 0 {
			line, column = position(data, at)
			// The name is not shown: it may be a secret that begins with a star.
			return line, column, "there is no anchor of this name; text that begins with * must be in quotes"
		}
	}
	line = min(max(line, 1), len(lines))
	text := strings.TrimRight(string(lines[line-1]), "\r\n")
	column = len(text) - len(strings.TrimLeft(text, " ")) + 1
	switch {
	case strings.HasPrefix(message, "found character that cannot start any token"):
		if strings.HasPrefix(text[column-1:], "\t") {
			message += ": indentation must be spaces, not tabs"
		} else if at := strings.IndexAny(text, "@`%"); at >= 0 {
			column = utf8.RuneCountInString(text[:at]) + 1
			message += "; put the text in quotes"
		}
	case strings.Contains(text, "${env:") && strings.HasPrefix(message, "did not find expected"):
		message += "; within [ ] and { }, put ${env:…} in quotes"
	case strings.Contains(text, "cron(") && strings.HasPrefix(message, "did not find expected"):
		message += "; within [ ] and { }, put cron(…) in quotes"
	}
	return line, column, message
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
