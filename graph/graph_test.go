package graph_test

import (
	"testing"

	"github.com/cybexp/cybexp/internal/testdgraph"
)

func TestMain(m *testing.M) { testdgraph.Main(m) }
