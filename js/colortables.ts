/** Written by tools/colortables.mjs from d3-scale-chromatic: red, green, blue of splines' points, in base64. */
export const TABLES = {
  viridis:
    "RAFURw9iSBxuSCh5RjSAQz+GPkqJOlSMNV+NMGiOLXGOKXqOJoOOIoyNH5SMHp6JIKaFKK+ANbd5RL9wWMdmbM5Zg9RMm9k8tN4szeEb5+QV/ecl",
  magma:
    "AAADAwMUDQooGBA9JBJVNRBrRQ54VBN9YxmAciCBgCWCjyqBny9/rjR8vjl3zT9x20dq6FJi8WBc93Fb+4Ne/ZVn/qZx/rh+/smM/tuc/Oyt/P2/",
  inferno:
    "AAADAwMUDgkrGw1BKwtYPAhmSwxsWhFuahdueBxuiCJqlidnpSxgtDNawjpQz0NH20485Vsx7Wgl9HgZ+YgM+5oC/asP+78j+NA78+RY7/SB/P+l",
  plasma:
    "DgiHJwWSNgWZRwOfVgKkZQCocwCoggOojwyknBeeqCGXsyyOvTeGx0J8z0x02Fds32Jj521b7XlT84RL95FD+547/awz/ror/ckn+9gi9egp8Pkj",
  cividis:
    "ACBSACdgAi1nDjRsGDpuJkFuM0huQE9uTFZtV1xvYWNua2pwc3Fxe3h0g392i4Z3k454m5V4pJ14raV1uK1yw7Vtz71n28Zg589Z8NdR+uFK/epF",
  RdBu: "BTBhIWasQ5PDksXe0eXw9/f3/dvH9KWC1mBNshgrZwAf",
  PuOr: "fzsIs1gG4IIU/bhj/uC29/f32NrrsqvSgHOsVCeILQBL",
  BrBG: "VDAFjFEKv4Et38J99ujD9fX1x+rlgM3BNZePAWZeADww",
  PRGn: "QABLdiqDmXCrwqXP59To9/f32fDTptugWq5hG3g3AEQb",
} as const;
