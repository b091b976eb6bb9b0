// Command scan lists the places under the given paths that do not follow the rules of language:
//
//	go run ./test/language/scan platform/lake docs
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/llac-project/llac/test/language"
)

func main() {
	found := 0
	for _, path := range os.Args[1:] {
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			body, err := os.ReadFile(name)
			for _, f := range language.Scan(filepath.ToSlash(name), body) {
				found++
				fmt.Println(f)
			}
			return err
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "scan:", err)
			os.Exit(2)
		}
	}
	if found > 0 {
		fmt.Fprintf(os.Stderr, "%d findings\n", found)
		os.Exit(1)
	}
}
