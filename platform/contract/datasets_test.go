package contract_test

import (
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/platform/contract"
)

func TestTheProjectsOwnContracts(t *testing.T) {
	t.Parallel()
	contracts, err := contract.LoadDir(filepath.Join("..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	_ = contracts
}
