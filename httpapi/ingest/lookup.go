package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// The functions below walk JSON that is known to be valid and without insignificant white space
// (event.CompactJSON's result): once through the text, with nothing decoded but what is asked for.
// Of equal keys the first counts.

// members returns the values of the object's members with these keys, in the order of keys; nil for
// those that are not there, and for all when doc is no object. The empty key finds nothing.
func members(doc []byte, keys ...string) [][]byte {
	found := make([][]byte, len(keys))
	if len(doc) == 0 || doc[0] != '{' {
		return found
	}
	left := len(keys)
	for i := 1; doc[i] != '}' && left > 0; {
		end := skip(doc, i)
		key := doc[i:end]
		i = end + 1 // past the colon
		end = skip(doc, i)
		for k, want := range keys {
			if found[k] == nil && want != "" && isKey(key, want) {
				found[k] = doc[i:end:end]
				left--
			}
		}
		if i = end; doc[i] == ',' {
			i++
		}
	}
	return found
}

// isKey says whether the quoted key is want.
func isKey(quoted []byte, want string) bool {
	in := quoted[1 : len(quoted)-1]
	if len(in) == len(want) {
		return string(in) == want
	}
	if len(in) < len(want) || bytes.IndexByte(in, '\\') < 0 {
		return false
	}
	return text(quoted) == want
}

// lookup follows a path of member keys and array indices; nil when it leads nowhere.
func lookup(doc []byte, path ...string) []byte {
	for _, step := range path {
		if len(doc) > 0 && doc[0] == '[' {
			doc = element(doc, step)
		} else {
			doc = members(doc, step)[0]
		}
		if doc == nil {
			return nil
		}
	}
	return doc
}

// element returns the array's element with that index in decimal.
func element(doc []byte, index string) []byte {
	n, err := strconv.ParseUint(index, 10, 31)
	if err != nil {
		return nil
	}
	for i := 1; doc[i] != ']'; n-- {
		end := skip(doc, i)
		if n == 0 {
			return doc[i:end:end]
		}
		if i = end; doc[i] == ',' {
			i++
		}
	}
	return nil
}

// skip returns where the value that begins at i ends.
func skip(doc []byte, i int) int {
	switch doc[i] {
	case '"':
		return skipString(doc, i)
	case '{', '[':
		depth := 0
		for {
			switch doc[i] {
			case '"':
				i = skipString(doc, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(doc) && doc[i] != ',' && doc[i] != '}' && doc[i] != ']' {
		i++
	}
	return i
}

func skipString(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// text is a string decoded, or a number or boolean as written; "" for all else.
func text(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		if in := value[1 : len(value)-1]; bytes.IndexByte(in, '\\') < 0 {
			return string(in)
		}
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	}
	return string(value)
}

var errPath = errors.New(`must be a path such as $.data.id, $.items[0].id or $['some key']`)

// parsePath reads the part of JSONPath that names one value: $ followed by .name, [index] or
// ['name'], any number of them.
func parsePath(s string) ([]string, error) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok || rest == "" {
		return nil, errPath
	}
	var path []string
	for rest != "" {
		var step string
		switch {
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			step, rest = rest[1:end], rest[end:]
		case strings.HasPrefix(rest, "['"):
			if step, rest, ok = strings.Cut(rest[2:], "']"); !ok {
				return nil, errPath
			}
		case rest[0] == '[':
			if step, rest, ok = strings.Cut(rest[1:], "]"); !ok {
				return nil, errPath
			}
			if _, err := strconv.ParseUint(step, 10, 31); err != nil {
				return nil, errPath
			}
		default:
			return nil, errPath
		}
		if step == "" {
			return nil, errPath
		}
		path = append(path, step)
	}
	return path, nil
}
