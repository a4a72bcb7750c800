/** Written by tools/colortables.mjs from d3-scale-chromatic: red, green, blue of splines' points, in base64. */
export const TABLES = {
  viridis: "RAFUSBJkSCByRy59RDyEP0mJOlWMNGGNL2yOKnaOJoGOIouOH5WMHqCII6qDL7R8QL5yV8dmb89YitZHp9s0xeAh4uQT/ecl",
  magma: "AAADBAQXEQ0vHhJJLxFmQw53VRN+ZhuBdyKCiSiBmy6ArTR8vzp30UFv4Utn7lpe921b+4Je/Zdo/qx1/sCF/tSW/Omq/P2/",
  inferno: "AAADBAQYEgsyIg1ONwhjSQtrWxFvbRhufh5tkCRpoStiszJawztP0kZE4FM36mMq83Uc+YgM/JwB/bEU+ccu9dxM7vJ5+/+l",
  plasma: "DgeHKgWTPASbTwKiYACncgCpggOokg+joRucriiSuzSIxkF90E1z2lpp42dg6nRW8YJN95FD+6A6/bAw/sEp/NMi9+Yo8Pkk",
  cividis: "ASBSAChiBTBpEzdtIT9uMUduQE9uTldtW19uZ2dvcW9xe3d0hIB2jYh4lpF4oJp4q6N2uKxzxbZt08Bl4cpd7dRU+d9L/epF",
  RdBu: "BTBhIWasQ5PDksXe0eXw9/f3/dvH9KWC1mBNshgrZwAf",
  PuOr: "fzsIs1gG4IIU/bhj/uC29/f32NrrsqvSgHOsVCeILQBL",
  BrBG: "VDAFjFEKv4Et38J99ujD9fX1x+rlgM3BNZePAWZeADww",
  PRGn: "QABLdiqDmXCrwqXP59To9/f32fDTptugWq5hG3g3AEQb",
} as const;
