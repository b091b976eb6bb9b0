package document

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Compatible returns the changes of a schema that would break a reader or a writer of the released one. No field may be removed
// or change its type, and the set of required fields stays the same. Optional fields may be added.
func Compatible(released, current []byte) ([]string, error) {
	var old, new schemaNode
	if err := json.Unmarshal(released, &old); err != nil {
		return nil, fmt.Errorf("decode the released schema: %w", err)
	}
	if err := json.Unmarshal(current, &new); err != nil {
		return nil, fmt.Errorf("decode the current schema: %w", err)
	}
	c := comparison{old: old.Defs, new: new.Defs, seen: map[string]bool{}}
	c.compare("", old, new)
	slices.Sort(c.breaks)
	return c.breaks, nil
}

// schemaNode is the part of JSON Schema that the schemas use.
type schemaNode struct {
	Ref        string                `json:"$ref"`
	Type       any                   `json:"type"`
	Format     string                `json:"format"`
	Properties map[string]schemaNode `json:"properties"`
	Required   []string              `json:"required"`
	Items      *schemaNode           `json:"items"`
	Values     *schemaNode           `json:"additionalProperties"`
	Defs       map[string]schemaNode `json:"$defs"`
}

type comparison struct {
	old, new map[string]schemaNode
	seen     map[string]bool // pairs of definitions already compared, so that cycles end
	breaks   []string
}

func (c *comparison) broken(path, format string, args ...any) {
	if path == "" {
		path = "the payload"
	}
	c.breaks = append(c.breaks, path+": "+fmt.Sprintf(format, args...))
}

// follow resolves a reference. Only the content of a definition matters, not its name.
func follow(n schemaNode, defs map[string]schemaNode) schemaNode {
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		return defs[name]
	}
	return n
}

func (c *comparison) compare(path string, oldNode, newNode schemaNode) {
	if oldNode.Ref != "" {
		pair := path + oldNode.Ref + newNode.Ref
		if c.seen[pair] || strings.Count(path, ".") > 32 {
			return
		}
		c.seen[pair] = true
	}
	oldNode, newNode = follow(oldNode, c.old), follow(newNode, c.new)
	if !reflect.DeepEqual(oldNode.Type, newNode.Type) || oldNode.Format != newNode.Format {
		c.broken(path, "was %s, is %s", describe(oldNode), describe(newNode))
		return
	}
	for name, property := range oldNode.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		replacement, ok := newNode.Properties[name]
		if !ok {
			c.broken(at, "was removed")
			continue
		}
		switch was, is := slices.Contains(oldNode.Required, name), slices.Contains(newNode.Required, name); {
		case is && !was:
			c.broken(at, "was optional, is required")
		case was && !is:
			c.broken(at, "was required, is optional")
		}
		c.compare(at, property, replacement)
	}
	for _, name := range newNode.Required {
		if _, ok := oldNode.Properties[name]; !ok {
			c.broken(strings.TrimPrefix(path+"."+name, "."), "is new and required")
		}
	}
	c.part(path+"[]", oldNode.Items, newNode.Items)
	c.part(path+"{}", oldNode.Values, newNode.Values)
}

func (c *comparison) part(path string, oldPart, newPart *schemaNode) {
	switch {
	case oldPart == nil && newPart == nil:
	case oldPart == nil || newPart == nil:
		c.broken(path, "changed its shape")
	default:
		c.compare(path, *oldPart, *newPart)
	}
}

func describe(n schemaNode) string {
	s := fmt.Sprint(n.Type)
	if n.Format != "" {
		s += " (" + n.Format + ")"
	}
	return s
}
