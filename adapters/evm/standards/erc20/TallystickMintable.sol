// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControlEnumerable} from "@openzeppelin/contracts/access/extensions/AccessControlEnumerable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {TallystickPermit} from "./TallystickPermit.sol";

/// @title An ERC-20 token whose owner may mint up to a cap.
/// @notice Invariants:
///  - Every role belongs to the owner named in the constructor. Whoever sends or relays the deployment gets none: the
///    constructor never looks at msg.sender.
///  - The supply never exceeds the cap. Burning makes room again: the cap bounds what exists, not what was ever minted.
///  - While paused nothing moves: no transfer, no mint, no burn.
///  - An operation id mints at most once, also for somebody who has forgotten that it did.
contract TallystickMintable is ERC20, ERC20Burnable, ERC20Capped, ERC20Pausable, TallystickPermit, AccessControlEnumerable {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    uint8 private immutable _decimals;

    mapping(bytes32 operationId => bool) private _consumed;

    /// @notice The operation took effect: this mint, and no other under the same id.
    event MintedOnce(bytes32 indexed operationId, address indexed to, uint256 amount);

    /// @notice The operation took effect earlier. Its MintedOnce event says what it did.
    error OperationAlreadyConsumed(bytes32 operationId);

    /// @notice A token that nobody owns could never be minted, paused or handed over.
    error OwnerIsZero();

    /// @param cap_ The largest supply that may exist at one time, in base units; at least 1.
    /// @param initialSupply Minted here and now to `initialHolder`, in base units; 0 mints nothing and ignores the holder.
    /// @param owner The only holder of all three roles.
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 cap_,
        uint256 initialSupply,
        address owner,
        address initialHolder
    ) ERC20(name_, symbol_) ERC20Capped(cap_) {
        if (owner == address(0)) revert OwnerIsZero();
        _decimals = decimals_;
        _grantRole(DEFAULT_ADMIN_ROLE, owner);
        _grantRole(MINTER_ROLE, owner);
        _grantRole(PAUSER_ROLE, owner);
        if (initialSupply != 0) _mint(initialHolder, initialSupply);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Mint without an operation id: sent twice, it mints twice. For owners who keep count themselves.
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    /// @notice Mint under an operation id; the second mint under one id reverts whatever it asks for, and whoever asks.
    function mintOnce(bytes32 operationId, address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        if (_consumed[operationId]) revert OperationAlreadyConsumed(operationId);
        _consumed[operationId] = true;
        emit MintedOnce(operationId, to, amount);
        _mint(to, amount);
    }

    function isConsumed(bytes32 operationId) external view returns (bool) {
        return _consumed[operationId];
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped, ERC20Pausable) {
        super._update(from, to, value);
    }
}
