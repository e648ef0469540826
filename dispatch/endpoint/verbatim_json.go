package endpoint

import (
	"maps"
	"slices"
)

// append appends the JSON form, which is encoding/json's.
func (v *Verbatim) append(dst []byte) []byte {
	dst = append(dst, '{')
	if v.ContentType != "" {
		dst = appendText(append(dst, `"content_type":`...), v.ContentType)
	}
	if len(v.Header) > 0 {
		if v.ContentType != "" {
			dst = append(dst, ',')
		}
		dst = append(dst, `"header":`...)
		var space [8]string
		names := slices.AppendSeq(space[:0], maps.Keys(v.Header))
		slices.Sort(names)
		for i, name := range names {
			before := byte(',')
			if i == 0 {
				before = '{'
			}
			dst = append(appendText(append(dst, before), name), ':')
			dst = appendText(dst, v.Header[name])
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// setPlain reads an object from the beginning of s and returns what follows; see Delivery.readPlain.
func (v *Verbatim) setPlain(s string) (rest string, ok bool) {
	return cutObject(s, func(key, s string) (rest string, ok bool) {
		switch key {
		case "content_type":
			v.ContentType, rest, ok = cutPlain(s)
			return rest, ok
		case "header":
			if v.Header != nil {
				return "", false
			}
			v.Header = map[string]string{}
			return cutObject(s, func(name, s string) (string, bool) {
				value, rest, ok := cutPlain(s)
				v.Header[name] = value
				return rest, ok
			})
		}
		return "", false
	})
}
