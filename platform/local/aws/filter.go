package aws

import (
	"encoding/json"
	"fmt"
	"slices"
)

// filterPolicy names, for each message attribute, the values that pass. A nil policy passes every message.
//
// The local cloud supports the part of SNS's grammar that Llac sends: lists of exact strings, over message attributes.
type filterPolicy map[string][]string

// parseFilterPolicy reads a policy such as {"type": ["a", "b"]}. For an empty text, it returns nil.
func parseFilterPolicy(text string) (filterPolicy, error) {
	if text == "" {
		return nil, nil
	}
	var values map[string][]*string
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, unsupportedFilter(err)
	}
	policy := filterPolicy{}
	for name, list := range values {
		if len(list) == 0 {
			return nil, unsupportedFilter(fmt.Errorf("%q has an empty list", name))
		}
		for _, value := range list {
			if value == nil {
				return nil, unsupportedFilter(fmt.Errorf("%q contains null", name))
			}
			policy[name] = append(policy[name], *value)
		}
	}
	return policy, nil
}

func unsupportedFilter(cause error) error {
	return failf("InvalidParameter", "Invalid parameter: FilterPolicy: the local cloud supports lists of exact strings only, "+
		`such as {"type": ["a", "b"]}: %v`, cause)
}

// passes reports whether a message with these attributes has an accepted value of every attribute that the policy names.
func (p filterPolicy) passes(attributes map[string]attribute) bool {
	for name, accepted := range p {
		a, ok := attributes[name]
		if !ok || !slices.Contains(accepted, a.String) {
			return false
		}
	}
	return true
}
