package bench

import (
	"bytes"
	"errors"
	"strings"
)

var errJSON = errors.New("the answer is not the JSON that it should be")

// answer is what a scenario needs of an answer's JSON. Its slices are parts of the text it was read from, strings as they
// are written there, with their escapes: so a receipt handle goes back as it came.
type answer struct {
	queueURL  []byte
	messageID []byte
	messages  []message
	// successful counts the entries of a batch that succeeded with a message ID or, for deletes, at all.
	successful, failed int
	// identified counts the successful entries that have a message ID.
	identified int
	// failure is the first failed entry.
	failure []byte

	scanner scanner
}

type message struct{ id, receipt, body []byte }

// parse reads an answer. An empty text is one without members.
func (a *answer) parse(text []byte) error {
	*a = answer{messages: a.messages[:0]}
	s := &a.scanner
	s.text = text
	if s.space(); s.at == len(text) {
		return nil
	}
	if !s.object(func(s *scanner, name []byte) bool { return a.member(s, name) }) {
		return errJSON
	}
	if s.space(); s.at != len(text) {
		return errJSON
	}
	return nil
}

func (a *answer) member(s *scanner, name []byte) bool {
	switch string(name) {
	case "QueueUrl":
		return s.str(&a.queueURL)
	case "MessageId":
		return s.str(&a.messageID)
	case "Messages":
		return s.array(a.message)
	case "Successful":
		return s.array(a.success)
	case "Failed":
		return s.array(func(s *scanner) bool {
			from := s.at
			if !s.value(0) {
				return false
			}
			if a.failed++; a.failed == 1 {
				a.failure = s.text[from:s.at]
			}
			return true
		})
	default:
		return s.value(0)
	}
}

func (a *answer) message(s *scanner) bool {
	var m message
	ok := s.object(func(s *scanner, name []byte) bool {
		switch string(name) {
		case "MessageId":
			return s.str(&m.id)
		case "ReceiptHandle":
			return s.str(&m.receipt)
		case "Body":
			return s.str(&m.body)
		default:
			return s.value(0)
		}
	})
	a.messages = append(a.messages, m)
	return ok
}

func (a *answer) success(s *scanner) bool {
	var id []byte
	ok := s.object(func(s *scanner, name []byte) bool {
		if string(name) == "MessageId" {
			return s.str(&id)
		}
		return s.value(0)
	})
	a.successful++
	if len(id) > 0 {
		a.identified++
	}
	return ok
}

// scanner walks a JSON text without building anything of it. Its methods return false where the text is not JSON; numbers
// and literals are not looked at closely.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next skips space and then c, if it is there.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object calls member for each member, with its name, to read the value.
func (s *scanner) object(member func(s *scanner, name []byte) bool) bool {
	if !s.next('{') {
		return false
	}
	if s.next('}') {
		return true
	}
	for {
		var name []byte
		if !s.str(&name) || !s.next(':') {
			return false
		}
		s.space()
		if !member(s, name) {
			return false
		}
		if !s.next(',') {
			return s.next('}')
		}
	}
}

// array calls element for each element, to read it.
func (s *scanner) array(element func(s *scanner) bool) bool {
	if !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		if s.space(); !element(s) {
			return false
		}
		if !s.next(',') {
			return s.next(']')
		}
	}
}

// str reads a string into to, without its quotes.
func (s *scanner) str(to *[]byte) bool {
	if !s.next('"') {
		return false
	}
	from := s.at
	for {
		i := bytes.IndexByte(s.text[s.at:], '"')
		if i < 0 {
			return false
		}
		s.at += i + 1
		escapes := 0
		for at := s.at - 2; at >= from && s.text[at] == '\\'; at-- {
			escapes++
		}
		if escapes%2 == 0 {
			*to = s.text[from : s.at-1]
			return true
		}
	}
}

// value skips a value. No answer is nested deeply; one that is, is not JSON to us.
func (s *scanner) value(depth int) bool {
	if s.space(); s.at == len(s.text) || depth > 16 {
		return false
	}
	switch s.text[s.at] {
	case '"':
		var skipped []byte
		return s.str(&skipped)
	case '{':
		return s.object(func(s *scanner, _ []byte) bool { return s.value(depth + 1) })
	case '[':
		return s.array(func(s *scanner) bool { return s.value(depth + 1) })
	}
	from := s.at
	for s.at < len(s.text) && strings.IndexByte(",]} \t\r\n:\"{[", s.text[s.at]) < 0 {
		s.at++
	}
	return s.at > from
}
