package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// pair is one member of a mapping.
type pair struct{ key, value *yaml.Node }

// pairs returns the members of a mapping, with those that it merges (<<: *anchor): its own come before them, and of
// several merged mappings the first counts. Keys that are no text, and repeated ones, are reported and left out.
func (d *decoder) pairs(n *yaml.Node) []pair {
	if known, ok := d.members[n]; ok {
		return known
	}
	d.members[n] = nil // for mappings that merge themselves
	all := make([]pair, 0, len(n.Content)/2)
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := target(n.Content[i]), n.Content[i+1]
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			merges = append(merges, value)
			continue
		case key.Kind != yaml.ScalarNode || isNull(key):
			d.failAt(n.Content[i], "", "a key must be text")
			continue
		case strings.Contains(key.Value, envBegin):
			d.failAt(key, "", "${env:…} is for values; a key can not come from the environment")
			continue
		case first[key.Value] != nil:
			d.failAt(n.Content[i], "", "the key %q is there twice; first in line %d", key.Value, first[key.Value].Line)
			continue
		}
		first[key.Value] = key
		// The key's own position, not that of an anchor it is an alias of.
		shown := *key
		shown.Line, shown.Column = n.Content[i].Line, n.Content[i].Column
		all = append(all, pair{key: &shown, value: value})
	}
	for _, value := range merges {
		sources := []*yaml.Node{value}
		if list := target(value); list.Kind == yaml.SequenceNode {
			sources = list.Content
		}
		for _, source := range sources {
			mapping := target(source)
			if mapping.Kind != yaml.MappingNode {
				d.failAt(source, "", "<< must be followed by a mapping, or a list of mappings, to merge")
				continue
			}
			for _, p := range d.pairs(mapping) {
				if first[p.key.Value] == nil {
					first[p.key.Value] = p.key
					all = append(all, p)
				}
			}
		}
	}
	d.members[n] = all
	return all
}
