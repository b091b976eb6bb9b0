package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
	"github.com/llac-project/llac/services/stager/reference"
)

// Snapshot is a staged dataset in a folder. Rows of other datasets are matched with it.
type Snapshot struct {
	Dataset   string
	Simulated bool // also if the files do not state their origin (invariant 11)
	files     []parquetFile
}

// parquetFile is one file of a snapshot, with the partition values of its path.
type parquetFile struct {
	path      string
	body      []byte
	partition []lake.PartitionValue
}

// slotColumn is the partition column of a snapshot in the lake.
const slotColumn = "ingested_process_at"

// OpenSnapshot reads the Parquet files of a staged dataset. The path is a file, a folder that contains the files, or an
// output folder of llac stage, of which only the dataset's files are read. A file may have at most largest bytes.
func OpenSnapshot(dataset, path string, largest int64) (*Snapshot, error) {
	if staged := filepath.Join(path, "staging", dataset); isFolder(staged) {
		path = staged
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Dataset: dataset}
	slot := ""
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".parquet") {
			return err
		}
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if info.Size() > largest {
			return fmt.Errorf("read %s: %w", file, &TooLargeError{Largest: largest})
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		of, simulated, err := reference.ReadOrigin(body)
		switch {
		case err != nil:
			return fmt.Errorf("read %s: %w", file, err)
		case of != "" && of != dataset:
			return fmt.Errorf("read %s: it contains the dataset %s, not %s", file, of, dataset)
		}
		f := parquetFile{path: file, body: body, partition: partitionOf(root, file)}
		for _, p := range f.partition {
			if p.Column == slotColumn && slot != "" && p.Value != slot {
				return fmt.Errorf("read %s: it contains several snapshots, %s and %s; pass the folder of one", path, slot, p.Value)
			}
			if p.Column == slotColumn {
				slot = p.Value
			}
		}
		s.files, s.Simulated = append(s.files, f), s.Simulated || simulated
		return nil
	})
	if err == nil && len(s.files) == 0 {
		err = fmt.Errorf("read %s: no *.parquet file", path)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// partitionOf returns the partition values of a file: the folders named column=value between root and the file.
func partitionOf(root, file string) []lake.PartitionValue {
	var out []lake.PartitionValue
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return nil
	}
	for _, part := range strings.Split(filepath.ToSlash(rel), "/") {
		if column, value, ok := strings.Cut(part, "="); ok {
			out = append(out, lake.PartitionValue{Column: column, Value: value})
		}
	}
	return out
}

// Finder returns the finder of the values that a column is matched with.
func (s *Snapshot) Finder(f contract.Field) (matching.Finder, error) {
	if f.Reference == nil || f.Reference.Dataset != s.Dataset {
		return nil, errors.New("the column is matched with another dataset")
	}
	names := reference.New(f)
	for _, file := range s.files {
		if err := names.Add(file.body, file.partition); err != nil {
			return nil, fmt.Errorf("read %s: %w", file.path, err)
		}
	}
	return names.Finder(), nil
}
