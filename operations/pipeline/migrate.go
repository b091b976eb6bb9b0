package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/platform/contract"
)

// Migrated is a contract file that was rewritten.
type Migrated struct {
	File    string            `json:"file"`
	Changes []contract.Change `json:"changes"`
}

// MigrateContracts rewrites in contract files the forms of earlier versions of Llac, each file whole or not at all. refused
// are the problems because of which files were not rewritten.
func MigrateContracts(files []string) (migrated []Migrated, refused contract.Problems, err error) {
	migrated = []Migrated{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fault.New(fault.Usage, fmt.Errorf("read the contract: %w", err), "name contract files")
		}
		text, changes, err := contract.Migrate(file, raw)
		var problems contract.Problems
		switch {
		case errors.As(err, &problems):
			refused = append(refused, problems...)
			continue
		case err != nil:
			return nil, nil, err
		case len(changes) == 0:
			continue
		}
		if err := replace(file, text); err != nil {
			return nil, nil, fault.New(fault.Failed, fmt.Errorf("rewrite the contract: %w", err),
				"give yourself permission to write in its folder")
		}
		migrated = append(migrated, Migrated{file, changes})
	}
	return migrated, refused, nil
}

// replace writes a file in place of another with the same permissions. A file that a link names is replaced, not the link.
func replace(file string, text []byte) (err error) {
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".llac-contract-")
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	err = errors.Join(err, part.Chmod(info.Mode().Perm()), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}
