package main

import "testing"

func TestExpression(t *testing.T) {
	const (
		mit    = "Permission is hereby granted, free of charge, to any person\nobtaining a copy of this software\n"
		bsd2   = "Redistribution and use in source and binary forms, with or without modification, are permitted\n"
		bsd3   = bsd2 + "* Neither the name of the copyright holder nor\n"
		apache = "   Licensed under the Apache License, Version 2.0 (the \"License\");\n"
	)
	for text, want := range map[string]string{
		mit: "MIT", bsd2: "BSD-2-Clause", bsd3: "BSD-3-Clause", apache: "Apache-2.0",
		mit + apache: "Apache-2.0 AND MIT",
		mit + bsd3:   "BSD-3-Clause AND MIT",
		"Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee": "ISC",
		"GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3":                                                       "",
		"All rights reserved.": "",
		"":                     "",
	} {
		if got := expression(text); got != want {
			t.Errorf("expression(%q) = %q, want %q", text, got, want)
		}
	}
}
