package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func keyPath(path, key string) string {
	plain := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
	switch {
	case !plain:
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

func indexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// place is where a path of a definition leads to in the file.
type place struct {
	// node is the deepest one on the path that exists, and key that of the mapping which it is the value of, nil in a list.
	node, key *yaml.Node
	// path is the whole path for people, rest the part of it that does not exist.
	path, rest string
}

// locate follows a path as the Validate methods write it, "targets[0].transform.paths.id", from a node. Names in it may
// have dots of their own, as those of headers.
func (d *decoder) locate(from place, field string) place {
	at := from
	for field != "" {
		node := target(at.node)
		next, rest := at, ""
		switch {
		case node == nil:
		case field[0] == '[' && node.Kind == yaml.SequenceNode:
			index, after, _ := strings.Cut(field[1:], "]")
			if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(node.Content) {
				next = place{node: node.Content[i], path: indexPath(at.path, i)}
				rest = strings.TrimPrefix(after, ".")
			}
		case node.Kind == yaml.MappingNode:
			next, rest = d.member(at, node, field)
		}
		if next.node == at.node {
			break
		}
		at, field = next, rest
	}
	at.rest = field
	for field != "" { // the path of what does not exist
		if index, after, ok := strings.Cut(field, "]"); ok && field[0] == '[' {
			at.path += index + "]"
			field = strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(field, ".[")
		if end < 0 {
			end = len(field)
		}
		at.path = keyPath(at.path, field[:end])
		field = strings.TrimPrefix(field[end:], ".")
	}
	return at
}

// member finds the value whose key is the longest beginning of field.
func (d *decoder) member(at place, node *yaml.Node, field string) (next place, rest string) {
	next = at
	found := -1
	for _, p := range d.pairs(node) {
		key := p.key.Value
		after, ok := strings.CutPrefix(field, key)
		if !ok || len(key) <= found || after != "" && after[0] != '.' && after[0] != '[' {
			continue
		}
		found = len(key)
		next = place{node: p.value, key: p.key, path: keyPath(at.path, key)}
		rest = strings.TrimPrefix(after, ".")
	}
	return next, rest
}

// shown is the node whose position is told: the key where there is no value to see.
func (p place) shown() *yaml.Node {
	if p.key != nil && isNull(p.node) && p.node.Value == "" {
		return p.key
	}
	return p.node
}

// target is what an alias leads to, or the node itself.
func target(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
