package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/platform/contract"
)

// CheckContracts checks the named contract files, each alone and then together with the other contracts of a folder. The
// error is contract.Problems if they are invalid.
func CheckContracts(folder string, files []string) error {
	contracts, err := parseContracts(folder, files)
	if err != nil {
		return err
	}
	all, names := contracts, slices.Clone(files)
	if rest, err := contract.LoadDir(folder); err == nil {
		for _, c := range rest {
			if find(contracts, c.Dataset) == nil {
				all, names = append(all, c), append(names, filepath.Join(folder, c.Dataset+contract.FileSuffix))
			}
		}
	}
	var problems contract.Problems
	for _, p := range contract.CheckTogether(all, names) {
		if slices.Contains(files, p.File) {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// parseContracts parses contract files. The error has the problems of all of them.
func parseContracts(folder string, files []string) ([]*contract.Contract, error) {
	var problems contract.Problems
	var contracts []*contract.Contract
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.New(fault.Usage, fmt.Errorf("read the contract: %w", err),
				"name contract files, or none to check all of "+folder)
		}
		c, err := contract.Parse(file, raw)
		var found contract.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			return nil, err
		default:
			contracts = append(contracts, c)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return contracts, nil
}

// ContractFiles lists the contract files of a folder.
func ContractFiles(folder string) ([]string, error) {
	return filepath.Glob(filepath.Join(folder, "*"+contract.FileSuffix))
}

// SliceSelection selects slices of a dataset: by Names, or from From to To in the contract's order.
type SliceSelection struct {
	Names    []string
	From, To string // empty: the contract's first and last
}

// Select returns the selected slices in the contract's order.
func (s SliceSelection) Select(c *contract.Contract) ([]string, error) {
	if c.Slicing == nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("the contract of %s defines no slices: its portal returns only current "+
			"data", c.Dataset),
			"llac run "+c.Dataset+" fetches the current data; llac ingest publishes files that somebody has kept")
	}
	all := c.Slicing.Values
	known := "its contract has the slices " + strings.Join(all, ", ")
	if (len(s.Names) > 0) == (s.From != "" || s.To != "") {
		return nil, fault.New(fault.Usage, errors.New("select slices by --slice, or by --from and --to"), known)
	}
	for _, name := range append(slices.Clone(s.Names), s.From, s.To) {
		if name != "" && !slices.Contains(all, name) {
			return nil, fault.New(fault.Usage, fmt.Errorf("%s has no slice %q", c.Dataset, name),
				known+"; add another there and publish it by llac datasets publish")
		}
	}
	if len(s.Names) > 0 {
		return slices.DeleteFunc(slices.Clone(all), func(v string) bool { return !slices.Contains(s.Names, v) }), nil
	}
	first, last := 0, len(all)-1
	if s.From != "" {
		first = slices.Index(all, s.From)
	}
	if s.To != "" {
		last = slices.Index(all, s.To)
	}
	if first > last {
		return nil, fault.New(fault.Usage, fmt.Errorf("slice %s comes after %s", s.From, s.To), known)
	}
	return slices.Clone(all[first : last+1]), nil
}
