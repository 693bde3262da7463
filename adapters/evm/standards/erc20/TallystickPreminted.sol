// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {TallystickPermit} from "./TallystickPermit.sol";

/// @title An ERC-20 token whose whole supply exists from its first block.
/// @notice Invariants:
///  - The supply never changes: there is no mint, no burn and no administrator who could add one.
///  - The holder named in the constructor gets all of it; whoever sends or relays the deployment gets nothing.
contract TallystickPreminted is ERC20, TallystickPermit {
    uint8 private immutable _decimals;

    /// @param supply In base units, up to 2^256 - 1.
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 supply,
        address holder
    ) ERC20(name_, symbol_) {
        _decimals = decimals_;
        _mint(holder, supply);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
