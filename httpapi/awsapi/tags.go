package awsapi

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Limits of the tags of a resource, the same for all services. Lengths are in characters; a value may be empty.
const (
	MaxTags     = 50
	MaxTagKey   = 128
	MaxTagValue = 256
)

// Tag is a tag as services have it that keep tags in a list.
type Tag struct{ Key, Value string }

// Fields is Shape's.
func (s *Tag) Fields(f []Field) []Field {
	return append(f, Field{Name: "Key", To: &s.Key, Required: true}, Field{Name: "Value", To: &s.Value, Required: true, Always: true})
}

// TagList returns tags as a list, in the order of their keys.
func TagList(tags map[string]string) []Tag {
	list := make([]Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, Tag{key, tags[key]})
	}
	return list
}

// TagRules is what clients are told of lists of tags that are not acceptable, besides the framework's words for lengths.
type TagRules struct {
	// Twice is for a key that a list has twice, TooMany for more than MaxTags.
	Twice, TooMany func() *Error
}

// Read reads the tags of a request, up to the first that is not acceptable.
func (r TagRules) Read(given []Tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for i, t := range given {
		var c Constraints
		c.Length(fmt.Sprintf("tags.%d.member.key", i+1), t.Key, utf8.RuneCountInString(t.Key), 1, MaxTagKey)
		if len(c.found) == 0 {
			c.Length(fmt.Sprintf("tags.%d.member.value", i+1), t.Value, utf8.RuneCountInString(t.Value), 0, MaxTagValue)
		}
		if err := c.Err(); err != nil {
			return nil, err
		}
		if _, twice := tags[t.Key]; twice {
			return nil, r.Twice()
		}
		tags[t.Key] = t.Value
	}
	return tags, r.count(tags)
}

// Merge adds tags to those that a resource has, which may be nil, and returns all.
func (r TagRules) Merge(has, more map[string]string) (map[string]string, error) {
	if has == nil {
		has = make(map[string]string, len(more))
	}
	maps.Copy(has, more)
	return has, r.count(has)
}

func (r TagRules) count(tags map[string]string) error {
	if len(tags) > MaxTags {
		return r.TooMany()
	}
	return nil
}
