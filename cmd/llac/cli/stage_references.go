package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
	"github.com/llac-project/llac/services/stager/reference"
)

// stageReferences are what the columns of a staging are matched with.
type stageReferences struct {
	finders   map[string]matching.Finder // by column
	paths     map[string]string          // by dataset
	unmatched []string                   // columns
}

// stageReferences reads what --reference names, for every column that the contract matches.
func (a *App) stageReferences(o stageOptions, c *contract.Contract) (stageReferences, error) {
	with := stageReferences{finders: map[string]matching.Finder{}}
	given := map[string]string{}
	for _, r := range o.references {
		dataset, path, ok := strings.Cut(r, "=")
		if !ok || dataset == "" || path == "" {
			return with, fail(exitUsage, fmt.Errorf("--reference %q names no dataset and path", r), "write --reference <dataset>=<Parquet file or folder>")
		}
		if _, twice := given[dataset]; twice {
			return with, fail(exitUsage, fmt.Errorf("--reference %s is given twice", dataset), "keep one of the two")
		}
		given[dataset] = path
	}
	snapshots := map[string]*folder.Snapshot{}
	var needed []string
	for _, f := range reference.Matched(c) {
		dataset := f.Reference.Dataset
		path, ok := given[dataset]
		if !slices.Contains(needed, dataset) {
			needed = append(needed, dataset)
		}
		if !ok && o.unmatched {
			with.finders[f.Name] = matching.None
			with.unmatched = append(with.unmatched, f.Name)
			continue
		}
		if !ok {
			return with, fail(exitUsage, fmt.Errorf("the column %s is matched with %s, which was not given", f.Name, dataset),
				fmt.Sprintf("say --reference %s=<its staged files>, or --unmatched to leave the column null", dataset))
		}
		if snapshots[dataset] == nil {
			s, err := folder.OpenSnapshot(dataset, path, int64(o.memory)/4)
			if err != nil {
				return with, fail(exitUsage, fmt.Errorf("--reference %s: %w", dataset, err), "name a Parquet file of the staged dataset, a folder of them, or the --out of its staging")
			}
			if s.Simulated && !lake.Origin(o.sourceSystem).Simulated() {
				// Invariant 11: who vouches for the rows does not vouch for ids that a simulator gave.
				return with, fail(exitUsage, fmt.Errorf("--reference %s: %s holds rows that no portal vouches for, and the rows are said to come from %s", dataset, path, o.sourceSystem),
					"stage the reference with --source-system too, or leave --source-system out here")
			}
			snapshots[dataset] = s
			if with.paths == nil {
				with.paths = map[string]string{}
			}
			with.paths[dataset] = path
		}
		finder, err := snapshots[dataset].Finder(f)
		if err != nil {
			return with, fail(exitError, fmt.Errorf("--reference %s: %w", dataset, err), "stage it again by the contract that is in force")
		}
		with.finders[f.Name] = finder
	}
	for _, dataset := range sortedKeys(given) {
		if !slices.Contains(needed, dataset) {
			fix := "leave it out"
			if len(needed) > 0 {
				fix = "the contract matches with " + and(needed)
			}
			return with, fail(exitUsage, fmt.Errorf("--reference %s: no column of %s is matched with it", dataset, c.Dataset), fix)
		}
	}
	return with, nil
}
