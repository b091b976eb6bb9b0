package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
)

// filterPolicy decides which messages a subscription gets. A nil policy passes all.
//
// A policy is an object: every key must match (and), a key matches when one of its conditions does (or); "$or" holds
// alternatives. Over a message body, keys may nest.
type filterPolicy struct {
	body bool
	root matcher
}

// matcher is a node of a policy, applied to the object that holds its keys.
type matcher func(lookup) bool

// lookup answers the values at a path of keys; an array gives its elements. Absent: nil, false.
type lookup func(path []string) (values []any, present bool)

// condition is one element of a key's list, applied to one value: a string, json.Number, bool or nil.
type condition struct {
	test   func(value any) bool
	absent bool // {"exists": false}: true when there is no value
}

// parseFilterPolicy reads a policy's JSON. Empty, or an empty object: no policy.
func parseFilterPolicy(text string, body bool) (*filterPolicy, error) {
	if text == "" {
		return nil, nil
	}
	var object map[string]any
	if err := decodeNumbers([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("failed to parse JSON: %w", err)
	}
	if len(object) == 0 {
		return nil, nil
	}
	root, err := parseObject(object, nil, body)
	if err != nil {
		return nil, err
	}
	return &filterPolicy{body: body, root: root}, nil
}

// decodeNumbers decodes exactly one JSON value, keeping numbers as written.
func decodeNumbers(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("text after the value")
	}
	return nil
}

// parseObject makes the matcher of an object: all of its keys.
func parseObject(object map[string]any, path []string, body bool) (matcher, error) {
	var all []matcher
	for key, value := range object {
		at := append(append([]string{}, path...), key)
		var m matcher
		var err error
		switch v := value.(type) {
		case []any:
			if key == "$or" && isAlternatives(v) {
				m, err = parseOr(v, path, body)
			} else {
				m, err = parseConditions(v, at)
			}
		case map[string]any:
			if !body {
				return nil, fmt.Errorf("%q must be an array: nesting needs FilterPolicyScope MessageBody", key)
			}
			m, err = parseObject(v, at, body)
		default:
			return nil, fmt.Errorf("%q must be an object or an array", key)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return func(l lookup) bool {
		for _, m := range all {
			if !m(l) {
				return false
			}
		}
		return true
	}, nil
}

// isAlternatives tells an $or of at least two objects from a key that happens to have that name.
func isAlternatives(list []any) bool {
	if len(list) < 2 {
		return false
	}
	for _, e := range list {
		if _, ok := e.(map[string]any); !ok {
			return false
		}
	}
	return true
}

func parseOr(list []any, path []string, body bool) (matcher, error) {
	var alternatives []matcher
	for _, e := range list {
		m, err := parseObject(e.(map[string]any), path, body)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, m)
	}
	return func(l lookup) bool {
		for _, m := range alternatives {
			if m(l) {
				return true
			}
		}
		return false
	}, nil
}

// parseConditions makes the matcher of one key: any of the conditions, for any of the values.
func parseConditions(list []any, path []string) (matcher, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%q has an empty list", strings.Join(path, "."))
	}
	var conditions []condition
	for _, e := range list {
		c, err := parseCondition(e)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.Join(path, "."), err)
		}
		conditions = append(conditions, c)
	}
	return func(l lookup) bool {
		values, present := l(path)
		for _, c := range conditions {
			if c.absent {
				if !present {
					return true
				}
				continue
			}
			for _, v := range values {
				if c.test(v) {
					return true
				}
			}
		}
		return false
	}, nil
}

// parseCondition reads a plain value or an operator object.
func parseCondition(e any) (condition, error) {
	object, ok := e.(map[string]any)
	if !ok {
		if _, isList := e.([]any); isList {
			return condition{}, errors.New("a list within a list")
		}
		return condition{test: func(v any) bool { return equal(v, e) }}, nil
	}
	if len(object) != 1 {
		return condition{}, errors.New("an operator object must have exactly one key")
	}
	for operator, argument := range object {
		return parseOperator(operator, argument)
	}
	return condition{}, nil
}

func parseOperator(operator string, argument any) (condition, error) {
	text, isText := argument.(string)
	onText := func(test func(string) bool) (condition, error) {
		if !isText {
			return condition{}, fmt.Errorf("%s needs a string", operator)
		}
		return condition{test: func(v any) bool { s, ok := v.(string); return ok && test(s) }}, nil
	}
	switch operator {
	case "prefix":
		return onText(func(s string) bool { return strings.HasPrefix(s, text) })
	case "suffix":
		return onText(func(s string) bool { return strings.HasSuffix(s, text) })
	case "equals-ignore-case":
		return onText(func(s string) bool { return strings.EqualFold(s, text) })
	case "wildcard":
		return onText(func(s string) bool { return wildcard(text, s) })
	case "cidr":
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return condition{}, fmt.Errorf("cidr: %w", err)
		}
		return onText(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && network.Contains(a) })
	case "exists":
		wanted, ok := argument.(bool)
		if !ok {
			return condition{}, errors.New("exists needs true or false")
		}
		return condition{absent: !wanted, test: func(any) bool { return true }}, nil
	case "numeric":
		return parseNumeric(argument)
	case "anything-but":
		return parseAnythingBut(argument)
	}
	return condition{}, fmt.Errorf("unrecognized operator %q", operator)
}

// parseAnythingBut reads a value, a list of values, or an operator over text whose match is refused.
func parseAnythingBut(argument any) (condition, error) {
	var refused []condition
	switch a := argument.(type) {
	case []any:
		if len(a) == 0 {
			return condition{}, errors.New("anything-but has an empty list")
		}
		for _, e := range a {
			c, err := parseCondition(e)
			if err != nil {
				return condition{}, err
			}
			refused = append(refused, c)
		}
	default:
		c, err := parseCondition(argument)
		if err != nil {
			return condition{}, err
		}
		refused = append(refused, c)
	}
	return condition{test: func(v any) bool {
		for _, c := range refused {
			if c.absent || c.test(v) {
				return false
			}
		}
		return true
	}}, nil
}

// parseNumeric reads pairs of comparison and number: ["=", 5], [">", 0, "<=", 100].
func parseNumeric(argument any) (condition, error) {
	list, ok := argument.([]any)
	if !ok || len(list) == 0 || len(list)%2 != 0 {
		return condition{}, errors.New("numeric needs pairs of a comparison and a number")
	}
	var tests []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		sign, _ := list[i].(string)
		number, isNumber := list[i+1].(json.Number)
		if !isNumber {
			return condition{}, errors.New("numeric compares with numbers only")
		}
		bound, ok := parseNumber(number.String())
		if !ok {
			return condition{}, fmt.Errorf("%s is out of range", number)
		}
		var holds func(order int) bool
		switch sign {
		case "=":
			holds = func(o int) bool { return o == 0 }
		case "<":
			holds = func(o int) bool { return o < 0 }
		case "<=":
			holds = func(o int) bool { return o <= 0 }
		case ">":
			holds = func(o int) bool { return o > 0 }
		case ">=":
			holds = func(o int) bool { return o >= 0 }
		default:
			return condition{}, fmt.Errorf("unknown comparison %q", sign)
		}
		tests = append(tests, func(v *big.Rat) bool { return holds(v.Cmp(bound)) })
	}
	return condition{test: func(v any) bool {
		number, ok := v.(json.Number)
		if !ok {
			return false
		}
		n, ok := parseNumber(number.String())
		for _, t := range tests {
			ok = ok && t(n)
		}
		return ok
	}}, nil
}

// parseNumber reads a number as SNS and SQS bound it: at most 38 digits and exponents of at most 128, which also keeps
// a hostile exponent from filling memory.
func parseNumber(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if len(s) == 0 || len(s) > 64 || strings.ContainsAny(s, "/xXpP_bBoO") {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		digits := strings.TrimLeft(s[i+1:], "+-0")
		if len(digits) > 3 || len(digits) == 3 && digits > "128" {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// equal compares numbers by value and everything else as it is.
func equal(a, b any) bool {
	x, xNumber := a.(json.Number)
	y, yNumber := b.(json.Number)
	if xNumber && yNumber {
		m, ok := parseNumber(x.String())
		n, ok2 := parseNumber(y.String())
		return ok && ok2 && m.Cmp(n) == 0
	}
	return a == b
}

// wildcard matches text against a pattern in which * stands for any characters.
func wildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, p := range parts[1:last] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, parts[last])
}

// passes says whether a message goes through.
func (p *filterPolicy) passes(attributes map[string]attribute, body string) bool {
	if p == nil {
		return true
	}
	if !p.body {
		return p.root(func(path []string) ([]any, bool) {
			a, ok := attributes[path[0]]
			if !ok {
				return nil, false
			}
			return a.values(), true
		})
	}
	var object map[string]any
	if decodeNumbers([]byte(body), &object) != nil {
		return false
	}
	return p.root(func(path []string) ([]any, bool) { return within(object, path) })
}

// values is what a filter policy sees of an attribute: a String.Array gives its elements, a Binary nothing.
func (a attribute) values() []any {
	switch {
	case a.DataType == "String.Array":
		var list []any
		if decodeNumbers([]byte(a.String), &list) == nil {
			return list
		}
		return nil
	case strings.HasPrefix(a.DataType, "Number"):
		return []any{json.Number(a.String)}
	case a.isBinary():
		return nil
	}
	return []any{a.String}
}

// within answers the values at a path of a JSON value; arrays on the way are looked through.
func within(value any, path []string) ([]any, bool) {
	if list, ok := value.([]any); ok {
		var out []any
		present := false
		for _, e := range list {
			v, ok := within(e, path)
			out, present = append(out, v...), present || ok
		}
		return out, present
	}
	if len(path) == 0 {
		return []any{value}, true
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	next, ok := object[path[0]]
	if !ok {
		return nil, false
	}
	return within(next, path[1:])
}
