package contract

import (
	"maps"

	"github.com/llac-project/llac/platform/source"
)

// Target returns what the contract requests from its source, at the source's official address: the whole dataset, or the
// named slice of a sliced dataset.
func (c *Contract) Target(slice string) source.Target {
	t := source.Target{
		Kind: c.Source.Kind, BaseURL: c.Source.BaseURL, ID: c.Source.ID, PageSize: c.Source.PageSize, Params: map[string]string{},
	}
	maps.Copy(t.Params, c.Source.Params)
	if c.Slicing != nil && slice != "" {
		t.Params[c.Slicing.Param] = slice
	}
	return t
}
