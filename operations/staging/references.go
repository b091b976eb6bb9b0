package staging

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
	"github.com/llac-project/llac/services/stager/reference"
)

// references are what the columns of a staging are matched with.
type references struct {
	finders   map[string]matching.Finder // by column
	paths     map[string]string          // by dataset
	unmatched []string                   // columns

	snapshots map[string]*folder.Snapshot // by dataset
}

// openReferences opens the reference of every column that the contract matches.
func openReferences(o Options, c *contract.Contract) (references, error) {
	r := references{finders: map[string]matching.Finder{}, snapshots: map[string]*folder.Snapshot{}}
	given, err := parseReferences(o.References)
	if err != nil {
		return r, err
	}
	var needed []string
	for _, f := range reference.Matched(c) {
		dataset := f.Reference.Dataset
		if !slices.Contains(needed, dataset) {
			needed = append(needed, dataset)
		}
		path, ok := given[dataset]
		if !ok && o.Unmatched {
			r.finders[f.Name] = matching.None
			r.unmatched = append(r.unmatched, f.Name)
			continue
		}
		if !ok {
			return r, fault.New(fault.Usage, fmt.Errorf("the column %s is matched with %s, which was not given", f.Name, dataset),
				fmt.Sprintf("add --reference %s=<its staged files>, or --unmatched to leave the column null", dataset))
		}
		if err := r.open(o, dataset, path); err != nil {
			return r, err
		}
		if r.finders[f.Name], err = r.snapshots[dataset].Finder(f); err != nil {
			return r, fault.New(fault.Failed, fmt.Errorf("--reference %s: %w", dataset, err), "stage it again with the contract in force")
		}
	}
	return r, checkNeeded(given, needed, c.Dataset)
}

// parseReferences parses the values of --reference.
func parseReferences(values []string) (map[string]string, error) {
	given := map[string]string{}
	for _, v := range values {
		dataset, path, ok := strings.Cut(v, "=")
		if !ok || dataset == "" || path == "" {
			return nil, fault.New(fault.Usage, fmt.Errorf("--reference %q names no dataset and path", v),
				"write --reference <dataset>=<Parquet file or folder>")
		}
		if _, twice := given[dataset]; twice {
			return nil, fault.New(fault.Usage, fmt.Errorf("--reference %s is given twice", dataset), "keep one of the two")
		}
		given[dataset] = path
	}
	return given, nil
}

// open opens the staged files of a dataset, once.
func (r *references) open(o Options, dataset, path string) error {
	if r.snapshots[dataset] != nil {
		return nil
	}
	s, err := folder.OpenSnapshot(dataset, path, int64(o.Memory)/4)
	if err != nil {
		return fault.New(fault.Usage, fmt.Errorf("--reference %s: %w", dataset, err),
			"name a Parquet file of the staged dataset, a folder of them, or the --out of its staging")
	}
	if s.Simulated && !lake.Origin(o.SourceSystem).Simulated() {
		// Invariant 11: a person who vouches for the rows does not vouch for ids that a simulator assigned.
		return fault.New(fault.Usage, fmt.Errorf("--reference %s: %s contains rows that no portal vouches for, and "+
			"--source-system names %s",
			dataset, path, o.SourceSystem),
			"stage the reference with --source-system too, or leave --source-system out here")
	}
	r.snapshots[dataset] = s
	if r.paths == nil {
		r.paths = map[string]string{}
	}
	r.paths[dataset] = path
	return nil
}

// checkNeeded refuses references that no column needs.
func checkNeeded(given map[string]string, needed []string, of string) error {
	for _, dataset := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(needed, dataset) {
			continue
		}
		fix := "leave it out"
		if len(needed) > 0 {
			fix = "the contract matches with " + format.List(needed)
		}
		return fault.New(fault.Usage, fmt.Errorf("--reference %s: no column of %s is matched with it", dataset, of), fix)
	}
	return nil
}
